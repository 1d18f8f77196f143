<?php
// What every framework's script in PHP needs; frame.py tells of it.
set_error_handler(function ($level, $message, $file, $line) {
    if (error_reporting() & $level) {
        throw new ErrorException($message, 0, $level, $file, $line);
    }
});
[$host, $port] = explode(':', explode(',', getenv('GATEWAYS'))[0]);
define('HOST', $host);
define('PORT', (int) $port);
define('DATABASE', (int) getenv('DATABASE'));
define('ROUNDS', (int) getenv('ROUNDS'));

function ask(string $word): void
{
    echo "@$word\n";
    flush();
    if (fgets(STDIN) === false) {
        exit(3);
    }
}

function check($right, string $what): void
{
    if (!$right) {
        throw new RuntimeException($what);
    }
}

function done(array $figures): void
{
    echo '@ok '.json_encode($figures)."\n";
}

// The one error that a request may meet on a gateway while a node dies.
function unconfirmed(Throwable $error): bool
{
    return str_contains($error->getMessage(), 'not confirmed');
}

// Laravel's own manager of connections, with the PHP extension as its client.
function redis_manager(string $prefix): Illuminate\Redis\RedisManager
{
    return new Illuminate\Redis\RedisManager(new Illuminate\Container\Container, 'phpredis', [
        'options' => ['prefix' => $prefix],
        'default' => ['host' => HOST, 'port' => PORT, 'database' => DATABASE, 'read_timeout' => 10],
    ]);
}
