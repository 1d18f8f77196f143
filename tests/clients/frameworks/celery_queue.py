"""Celery: a worker with broker and results in one server; 200 tasks, a chord, retries, a countdown and a broadcast while a node
dies. In the pass `own` the broker has all gateways as addresses and the first dies; results have one address, of a node that stays."""
import os
import signal
import subprocess
import sys
import time

from celery import Celery, chord, group
from celery.exceptions import TimeoutError as CeleryTimeout
from celery.result import AsyncResult

from frame import DATABASE, GATEWAYS, OWN, ROUNDS, back, check, done, fault, unconfirmed

broker = ";".join(f"redis://{address}/{DATABASE}" for address in (GATEWAYS if OWN else GATEWAYS[:1]))
app = Celery("celery_queue", broker=broker, backend=f"redis://{GATEWAYS[-1 if OWN else 0]}/{DATABASE}")
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"visibility_timeout": 15},
    result_expires=600,
    task_publish_retry_policy={"max_retries": 20, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 1},
)


@app.task
def square(n):
    time.sleep(0.005)
    return n * n


@app.task(bind=True, max_retries=3)
def flaky(self, n):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return n + self.request.retries


@app.task
def total(numbers):
    return sum(numbers)


def main():
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_queue", "worker", "--concurrency", "2", "--loglevel", "INFO"],
        stdout=sys.stderr,
    )
    try:
        check(square.apply_async((12,)).get(timeout=30) == 144, "a first task")
        check(app.control.ping(timeout=3), "a broadcast to the worker")
        began = time.monotonic()
        check(flaky.apply_async((5,)).get(timeout=30) == 7, "a task that is retried")
        late = square.apply_async((3,), countdown=1.5)
        check(late.get(timeout=30) == 9 and time.monotonic() - began > 1.5, "a countdown")
        check(group(square.s(n) for n in range(10))().get(timeout=30) == [n * n for n in range(10)], "a group")
        check(chord((square.s(n) for n in range(20)), total.s())().get(timeout=30) == sum(n * n for n in range(20)), "a chord")

        # A task has an id of its own: sent again, because nobody could tell, it may run twice with the same result.
        sent, again = {}, 0
        each = 200 // ROUNDS
        for turn in range(ROUNDS):
            for n in range(turn * each, (turn + 1) * each):
                identity = f"task-{n}"
                while True:
                    try:
                        square.apply_async((n,), task_id=identity)
                        break
                    except Exception as error:
                        if not unconfirmed(error):
                            raise
                        again += 1
                sent[identity] = n * n
                if n == turn * each + each // 3:
                    fault()
                time.sleep(0.02)
            time.sleep(3)
            back()
        # kombu notes what it took only once it has the answer, so a task whose BRPOP was answered into a connection that broke is
        # gone, with any server. A worker has one BRPOP under way: no node that dies may cost more than one task.
        lost = []
        deadline = time.monotonic() + 60
        for identity, right in sent.items():
            try:
                value = AsyncResult(identity, app=app).get(timeout=max(1, deadline - time.monotonic()))
                check(value == right, f"{identity} is {value}, not {right}")
            except CeleryTimeout:
                lost.append(identity)
        check(len(lost) <= ROUNDS, f"{len(lost)} tasks are lost, more than one for each node that died: {lost}")
        for identity in lost:
            square.apply_async((int(identity.rsplit("-", 1)[1]),), task_id=identity)
            check(AsyncResult(identity, app=app).get(timeout=30) == sent[identity], f"{identity}, sent again")
        check(worker.poll() is None, "the worker ended")
        check(square.apply_async((13,)).get(timeout=30) == 169, "a last task")
        done(tasks=len(sent), again=again, lost=len(lost))
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(10)
        except subprocess.TimeoutExpired:
            worker.kill()


if __name__ == "__main__":
    main()
