<?php
// phpredis and Predis: cluster mode on the cluster door, standalone on a gateway: php_clients.php CLUSTER GATEWAY
require 'Predis/autoload.php';
error_reporting(E_ALL & ~E_DEPRECATED);
const KEYS = 10_000;

mt_srand(7);
$blob = '';
for ($i = 0; $i < 1 << 16; $i++) {
    $blob .= chr(mt_rand(0, 255));
}

function value(int $n): string
{
    return substr($GLOBALS['blob'], $n % 60_000, 1 + ($n * 7919) % 900);
}

function check($right, string $label, string $what): void
{
    if (!$right) {
        fwrite(STDERR, "FAILED $label: $what\n");
        exit(1);
    }
}

// $scan calls back with every key of the label, wherever it is.
function run($client, string $label, callable $flush, callable $scan): void
{
    $flush();
    $names = [];
    for ($n = 0; $n < KEYS; $n++) {
        $names[] = "$label:{g".intdiv($n, 10)."}:$n";
    }
    foreach ($names as $n => $name) {
        // phpredis answers true, Predis a status.
        check(in_array((string) $client->set($name, value($n)), ['1', 'OK'], true), $label, "SET $name");
    }
    foreach (array_chunk($names, 10) as $at => $batch) {
        foreach ($client->mget($batch) as $i => $got) {
            check($got === value($at * 10 + $i), $label, "MGET at $at");
        }
    }
    foreach (array_slice($names, 0, 100) as $n => $name) {
        check($client->expire($name, 1000 + $n) == 1, $label, 'EXPIRE');
        $ttl = $client->ttl($name);
        check($ttl > 900 && $ttl <= 1000 + $n, $label, "TTL $ttl");
    }
    $seen = [];
    $scan("$label:*", function (string $name) use (&$seen) {
        $seen[$name] = true;
    });
    check(count($seen) === KEYS && !array_diff($names, array_keys($seen)), $label, 'SCAN saw '.count($seen));
    check($client->del($names[0]) == 1 && !$client->exists($names[0]), $label, 'DEL');
    check($client->incrby("$label:n", 41) == 41 && $client->incr("$label:n") == 42, $label, 'INCR');
    $client->hmset("$label:h", ['a' => '1', 'b' => "\x00\xff"]);
    check($client->hgetall("$label:h") == ['a' => '1', 'b' => "\x00\xff"], $label, 'a hash');
    check($client->get("$label:none") == null, $label, 'GET of nothing');
    $flush();
    echo "ok $label: ".KEYS." keys\n";
}

[, $cluster, $gateway] = $argv;
[$host, $port] = explode(':', $gateway);
echo 'phpredis '.phpversion('redis').', Predis '.Predis\Client::VERSION."\n";

$plain = new Redis;
$plain->connect($host, (int) $port);
$plain->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
check($plain->info()['redis_mode'] === 'standalone', 'phpredis', 'redis_mode');
run($plain, 'phpredis-gateway', fn () => $plain->flushAll(), function ($pattern, $each) use ($plain) {
    $cursor = null;
    while ($found = $plain->scan($cursor, $pattern, 500)) {
        array_map($each, $found);
    }
});
$replies = $plain->multi()->set('t', 1)->incr('t')->get('t')->exec();
check($replies === [true, 2, '2'], 'phpredis-gateway', 'MULTI');
check($plain->pipeline()->set('p', 'x')->get('p')->exec() === [true, 'x'], 'phpredis-gateway', 'a pipeline');

$clustered = new RedisCluster(null, [$cluster]);
$masters = $clustered->_masters();
check(count($masters) === 3, 'phpredis-cluster', count($masters).' masters');
run($clustered, 'phpredis-cluster', fn () => array_map(fn ($m) => $clustered->flushDB($m), $masters), function ($pattern, $each) use ($clustered, $masters) {
    $clustered->setOption(RedisCluster::OPT_SCAN, RedisCluster::SCAN_RETRY);
    foreach ($masters as $master) {
        $cursor = null;
        while ($found = $clustered->scan($cursor, $master, $pattern, 500)) {
            array_map($each, $found);
        }
    }
});
check($clustered->multi()->set('{t}', 1)->incr('{t}')->exec() === [true, 2], 'phpredis-cluster', 'MULTI');

$predis = new Predis\Client("tcp://$gateway");
run($predis, 'predis-gateway', fn () => $predis->flushall(), function ($pattern, $each) use ($predis) {
    foreach (new Predis\Collection\Iterator\Keyspace($predis, $pattern, 500) as $name) {
        $each($name);
    }
});
$across = new Predis\Client(["tcp://$cluster"], ['cluster' => 'redis']);
check($across->getConnection() instanceof Predis\Connection\Aggregate\RedisCluster, 'predis-cluster', 'a cluster');
$nodes = fn () => array_map(fn ($m) => new Predis\Client("tcp://{$m[0]}:{$m[1]}"), $masters);
run($across, 'predis-cluster', fn () => array_map(fn ($node) => $node->flushdb(), $nodes()), function ($pattern, $each) use ($nodes) {
    foreach ($nodes() as $node) {
        foreach (new Predis\Collection\Iterator\Keyspace($node, $pattern, 500) as $name) {
            $each($name);
        }
    }
});
