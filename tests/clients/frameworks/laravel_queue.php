<?php
// Laravel's queue (Illuminate\Queue\RedisQueue): a worker process that pops, works, releases and deletes; jobs now and later, in
// bulk and retried, while a node dies.
require 'Illuminate/Queue/autoload.php';
require 'Illuminate/Redis/autoload.php';
require 'Illuminate/Container/autoload.php';
require 'Illuminate/Events/autoload.php';
require __DIR__.'/frame.php';

$container = new Illuminate\Container\Container;
$queue = new Illuminate\Queue\RedisQueue(redis_manager('laravel_'), 'default', 'default', 5, 1);
$queue->setContainer($container);

class Work
{
    public function fire($job, $data)
    {
        if ($data['kind'] === 'flaky' && $job->attempts() < 2) {
            return $job->release(0);
        }
        file_put_contents(getenv('DONE_FILE'), json_encode([$data['n'], $data['n'] ** 2])."\n", FILE_APPEND | LOCK_EX);
        $job->delete();
    }
}

if (($argv[1] ?? '') === 'worker') {
    while (true) {
        try {
            $job = $queue->pop();
            if ($job) {
                $job->fire();
            }
        } catch (RedisException $error) {
            // As Illuminate\Queue\Worker does: it tells, and asks again after a moment; what it had reserved comes back.
            fwrite(STDERR, 'worker: '.$error->getMessage()."\n");
            usleep(200_000);
        }
    }
}

$done = tempnam(getenv('SCRATCH'), 'done');
putenv("DONE_FILE=$done");
$worker = proc_open([PHP_BINARY, __FILE__, 'worker'], [['file', '/dev/null', 'r'], STDERR, STDERR], $pipes);
$expected = [];
$again = $number = 0;
$push = function (callable $do, int ...$numbers) use (&$expected, &$again) {
    while (true) {
        try {
            $do();
            break;
        } catch (Exception $error) {
            if (!unconfirmed($error)) {
                throw $error;
            }
            $again++;
        }
    }
    foreach ($numbers as $n) {
        $expected[$n] = $n ** 2;
    }
};
for ($round = 0; $round < ROUNDS; $round++) {
    for ($part = 0; $part < 100; $part++) {
        $n = ++$number;
        $data = ['n' => $n, 'kind' => $n % 10 === 0 ? 'flaky' : 'plain'];
        $push($n % 7 === 0 ? fn () => $queue->later(1, 'Work', $data) : fn () => $queue->push('Work', $data), $n);
        if ($part === 30) {
            ask('fault');
        }
        usleep(20_000);
    }
    $n = ++$number;
    ++$number;
    $push(fn () => $queue->bulk(['Work', 'Work'], ['n' => $n, 'kind' => 'bulk']), $n);
    sleep(3);
    ask('back');
}
$deadline = time() + 60;
do {
    usleep(100_000);
    $got = $runs = [];
    foreach (file($done, FILE_IGNORE_NEW_LINES) as $line) {
        [$n, $value] = json_decode($line);
        check(($expected[$n] ?? null) === $value, "job $n gave $value");
        $got[$n] = $value;
        $runs[] = $n;
    }
    $left = array_diff(array_keys($expected), array_keys($got));
    check(proc_get_status($worker)['running'], 'the worker ended');
    check(time() < $deadline, count($left).' of '.count($expected).' jobs are not done: '.implode(' ', array_slice($left, 0, 5)));
} while ($left);
$deadline = time() + 10;
while ($queue->size() > 0) {
    check(time() < $deadline, $queue->size().' jobs are left');
    usleep(100_000);
}
proc_terminate($worker, 9);
$queue->push('Work', ['n' => 0, 'kind' => 'plain']);
check($queue->clear('default') === 1 && $queue->size() === 0, 'clear');
done(['jobs' => count($expected), 'again' => $again, 'runs' => count($runs)]);
