/* hiredis: a gateway through its synchronous calls and its pipelines, and the cluster door, following MOVED as a program on bare
 * hiredis does. hiredis.c CLUSTER GATEWAY */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 10000, BATCH = 500, DOORS = 16 };

static void check(int right, const char *what, int n) {
    if (!right) {
        fprintf(stderr, "FAILED hiredis: %s at %d\n", what, n);
        exit(1);
    }
}

static size_t value(int n, char *into) {
    size_t size = 1 + ((size_t)n * 7919) % 900;
    for (size_t i = 0; i < size; i++) into[i] = (char)(n * 31 + i * i);
    return size;
}

static redisContext *dial(const char *host, int port) {
    redisContext *at = redisConnect(host, port);
    if (!at || at->err) {
        fprintf(stderr, "FAILED hiredis: %s:%d: %s\n", host, port, at ? at->errstr : "no memory");
        exit(1);
    }
    return at;
}

static redisContext *to(const char *address) {
    char host[256];
    const char *colon = strrchr(address, ':');
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    return dial(host, atoi(colon + 1));
}

static redisReply *reply(redisContext *at, int n) {
    void *got = NULL;
    check(redisGetReply(at, &got) == REDIS_OK && got, at->errstr, n);
    return got;
}

static void number(redisContext *at, long long low, long long high, const char *what, int n, const char *format, ...) {
    va_list words;
    va_start(words, format);
    redisReply *got = redisvCommand(at, format, words);
    va_end(words);
    check(got && got->type == REDIS_REPLY_INTEGER && got->integer >= low && got->integer <= high, what, n);
    freeReplyObject(got);
}

static void gateway(const char *address) {
    char bytes[1024], expected[1024];
    redisContext *at = to(address);
    freeReplyObject(redisCommand(at, "FLUSHALL"));
    for (int from = 0; from < KEYS; from += BATCH) {
        for (int n = from; n < from + BATCH; n++) redisAppendCommand(at, "SET hi:%d %b", n, bytes, value(n, bytes));
        for (int n = from; n < from + BATCH; n++) {
            redisReply *got = reply(at, n);
            check(got->type == REDIS_REPLY_STATUS && !strcmp(got->str, "OK"), "SET", n);
            freeReplyObject(got);
        }
    }
    for (int n = 0; n < KEYS; n += 2) {
        redisReply *got = redisCommand(at, "MGET hi:%d hi:%d hi:none", n, n + 1);
        check(got && got->type == REDIS_REPLY_ARRAY && got->elements == 3 && got->element[2]->type == REDIS_REPLY_NIL, "MGET", n);
        for (int part = 0; part < 2; part++) {
            size_t size = value(n + part, expected);
            check(got->element[part]->len == size && !memcmp(got->element[part]->str, expected, size), "a value", n + part);
        }
        freeReplyObject(got);
    }
    for (int n = 0; n < 100; n++) {
        number(at, 1, 1, "EXPIRE", n, "EXPIRE hi:%d %d", n, 1000 + n);
        number(at, 901, 1000 + n, "TTL", n, "TTL hi:%d", n);
    }
    static char seen[KEYS];
    char cursor[32] = "0";
    int found = 0;
    do {
        redisReply *got = redisCommand(at, "SCAN %s MATCH hi:* COUNT 500", cursor);
        check(got && got->type == REDIS_REPLY_ARRAY && got->elements == 2, "SCAN", found);
        snprintf(cursor, sizeof cursor, "%s", got->element[0]->str);
        for (size_t i = 0; i < got->element[1]->elements; i++) {
            int n = atoi(got->element[1]->element[i]->str + 3);
            check(n >= 0 && n < KEYS, "a key of SCAN", n);
            found += !seen[n];
            seen[n] = 1;
        }
        freeReplyObject(got);
    } while (strcmp(cursor, "0"));
    check(found == KEYS, "keys that SCAN saw", found);
    number(at, KEYS, KEYS, "DBSIZE", 0, "DBSIZE");
    redisReply *wrong = redisCommand(at, "INCR hi:0 1 2");
    check(wrong && wrong->type == REDIS_REPLY_ERROR && !strncmp(wrong->str, "ERR wrong number of arguments", 29), "an error", 0);
    freeReplyObject(wrong);
    redisFree(at);
    printf("ok hiredis-gateway: %d keys\n", KEYS);
}

static struct { char address[64]; redisContext *at; } doors[DOORS];

static redisContext *door(const char *address) {
    for (int i = 0; i < DOORS; i++) {
        if (doors[i].at && !strcmp(doors[i].address, address)) return doors[i].at;
        if (doors[i].at) continue;
        snprintf(doors[i].address, sizeof doors[i].address, "%s", address);
        return doors[i].at = to(address);
    }
    check(0, "more doors than nodes", DOORS);
    return NULL;
}

static void cluster(const char *address) {
    char bytes[1024], key[32];
    int moved = 0;
    for (int turn = 0; turn < 2; turn++) {
        for (int n = 0; n < KEYS; n++) {
            size_t size = value(n, bytes);
            snprintf(key, sizeof key, "hc:%d", n);
            redisContext *at = door(address);
            for (int asked = 0;; asked++) {
                redisReply *got = turn ? redisCommand(at, "GET %s", key) : redisCommand(at, "SET %s %b", key, bytes, size);
                check(got != NULL, "no reply", n);
                if (got->type == REDIS_REPLY_ERROR && !strncmp(got->str, "MOVED ", 6)) {
                    check(asked < 2, "MOVED again and again", n);
                    at = door(strrchr(got->str, ' ') + 1);
                    moved++;
                } else {
                    check(turn ? got->type == REDIS_REPLY_STRING && got->len == size && !memcmp(got->str, bytes, size)
                               : got->type == REDIS_REPLY_STATUS, turn ? "GET" : "SET", n);
                    freeReplyObject(got);
                    break;
                }
                freeReplyObject(got);
            }
        }
    }
    int nodes = 0;
    long long sum = 0;
    for (; nodes < DOORS && doors[nodes].at; nodes++) {
        redisReply *got = redisCommand(doors[nodes].at, "DBSIZE");
        check(got && got->type == REDIS_REPLY_INTEGER, "DBSIZE", nodes);
        sum += got->integer;
        freeReplyObject(got);
        freeReplyObject(redisCommand(doors[nodes].at, "FLUSHDB"));
        redisFree(doors[nodes].at);
    }
    check(nodes == 3, "nodes", nodes);
    check(sum == KEYS, "keys on all nodes", (int)sum);
    printf("ok hiredis-cluster: %d keys, %d times MOVED\n", KEYS, moved);
}

int main(int count, char **words) {
    check(count == 3, "usage: hiredis CLUSTER GATEWAY", count);
    printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    gateway(words[2]);
    redisContext *at = to(words[2]);
    freeReplyObject(redisCommand(at, "FLUSHALL"));
    redisFree(at);
    cluster(words[1]);
    return 0;
}
