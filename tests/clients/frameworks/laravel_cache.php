<?php
// Laravel's cache (Illuminate\Cache): the store, tags, locks and a rate limiter, through the loss of a node.
require 'Illuminate/Cache/autoload.php';
require 'Illuminate/Redis/autoload.php';
require 'Illuminate/Container/autoload.php';
require __DIR__.'/frame.php';

$manager = redis_manager('laravel_');
$store = new Illuminate\Cache\RedisStore($manager, 'cache:', 'default');
$cache = new Illuminate\Cache\Repository($store);
$cache->flush();
check($cache->get('none') === null && $cache->get('none', 7) === 7 && !$cache->has('none'), 'get of nothing');
check($cache->put('a', ['text' => 'ü', 'bytes' => "\x00\xff", 'list' => [1, 2.5]], 60), 'put');
check($cache->get('a') === ['text' => 'ü', 'bytes' => "\x00\xff", 'list' => [1, 2.5]], 'get');
check($cache->add('b', 1, 60) && !$cache->add('b', 2, 60) && $cache->get('b') == 1, 'add');
check($cache->increment('b', 5) == 6 && $cache->decrement('b') == 5, 'increment');
check($cache->forever('ever', 'x') && $cache->get('ever') === 'x', 'forever');
check($cache->remember('r', 60, fn () => 'computed') === 'computed' && $cache->remember('r', 60, fn () => 'again') === 'computed', 'remember');
check($cache->pull('r') === 'computed' && $cache->get('r') === null, 'pull');
$many = [];
for ($n = 0; $n < 100; $n++) {
    $many["m$n"] = "value $n";
}
check($cache->putMany($many, 60) && $cache->many(array_keys($many)) == $many, 'putMany, many');
check($cache->forget('m0') && !$cache->has('m0') && $cache->has('m1'), 'forget');
$cache->put('short', 1, 1);
sleep(2);
check($cache->get('short') === null, 'a time to live');

$cache->tags(['people', 'artists'])->put('john', 'lennon', 60);
$cache->tags(['people', 'authors'])->put('anne', 'frank', 60);
check($cache->tags(['people', 'artists'])->get('john') === 'lennon', 'tags');
$cache->tags(['artists'])->flush();
check($cache->tags(['people', 'artists'])->get('john') === null, 'a tag that was flushed');
check($cache->tags(['people', 'authors'])->get('anne') === 'frank', 'another tag');

$lock = $store->lock('lock', 10);
check($lock->get() && !$store->lock('lock', 10)->get(), 'a lock that is held');
check($lock->release() && $store->lock('lock', 1)->get(), 'release');
check(!$store->lock('lock', 10, 'another')->release(), 'release by another');
check($store->lock('lock', 10)->block(3, fn () => 'waited') === 'waited', 'block');
$limiter = new Illuminate\Cache\RateLimiter($cache);
for ($n = 0; $n < 3; $n++) {
    check(!$limiter->tooManyAttempts('login', 3), 'a rate limit');
    $limiter->hit('login', 60);
}
check($limiter->tooManyAttempts('login', 3) && $limiter->remaining('login', 3) == 0, 'a rate limit that is reached');

// Here PHP is the load and the one who asks for faults, so that requests are made from before the kill until after the return.
mt_srand(1);
$may = [];
$steps = $unknown = $longest = $n = 0;
$load = function (float $seconds) use ($cache, &$may, &$steps, &$unknown, &$longest, &$n) {
    $end = microtime(true) + $seconds;
    while (microtime(true) < $end) {
        $n++;
        $steps++;
        $began = microtime(true);
        $keys = [];
        for ($part = mt_rand(0, 1) ? 1 : 5; $part > 0; $part--) {
            $keys[] = 'k'.mt_rand(0, 300);
        }
        $keys = array_unique($keys);
        if (mt_rand(0, 1)) {
            $values = [];
            foreach ($keys as $key) {
                $values[$key] = "$key=$n";
            }
            try {
                count($keys) === 1 ? $cache->put($keys[array_key_first($keys)], reset($values), 600) : $cache->putMany($values, 600);
                $sure = true;
            } catch (Exception $error) {
                if (!unconfirmed($error)) {
                    throw $error;
                }
                $sure = false;
                $unknown++;
            }
            foreach ($values as $key => $value) {
                $may[$key] = $sure ? [$value] : array_merge($may[$key] ?? [null], [$value]);
            }
        } else {
            foreach ($cache->many($keys) as $key => $value) {
                check(in_array($value, $may[$key] ?? [null], true), "$key is ".json_encode($value).', not of '.json_encode($may[$key] ?? [null]));
            }
        }
        $longest = max($longest, microtime(true) - $began);
    }
};
for ($round = 0; $round < ROUNDS; $round++) {
    $load(0.7);
    ask('fault');
    $load(4);
    ask('back');
}
$load(0.7);
foreach ($may as $key => $values) {
    check(in_array($cache->get($key), $values, true), "$key is ".json_encode($cache->get($key)).', not of '.json_encode($values));
}
$cache->flush();
check($cache->get('ever') === null, 'flush');
done(['keys' => count($may), 'steps' => $steps, 'unconfirmed' => $unknown, 'longest_ms' => round(1000 * $longest)]);
