"""RQ: a worker process with its scheduler; plain, retried, delayed and dependent jobs while a node dies."""
import os
import subprocess
import sys
import time
from datetime import timedelta

from redis import Redis
from rq import Queue, Retry
from rq.job import Job

from frame import ROUNDS, URL, back, check, done, fault, unconfirmed
from rq_jobs import flaky, square

redis = Redis.from_url(URL)
queue = Queue("work", connection=redis)
environment = {**os.environ, "RQ_URL": URL}
command = [os.path.join(os.path.dirname(sys.executable), "rq"), "worker", "work", "--url", URL, "--with-scheduler",
           "--worker-class", "rq.worker.SimpleWorker"]


def start():
    return subprocess.Popen(command, stdout=sys.stderr, env=environment)


worker, restarts = start(), 0


def result(identity, seconds=60):
    """The worker is started again when it ended, as a supervisor would."""
    global worker, restarts
    deadline = time.monotonic() + seconds
    while True:
        job = Job.fetch(identity, connection=redis)
        status = job.get_status()
        if status == "finished":
            return job.return_value()
        check(status != "failed", f"{identity} failed: {job.latest_result() and job.latest_result().exc_string}")
        check(time.monotonic() < deadline, f"{identity} is {status} after {seconds} s")
        if worker.poll() is not None:
            worker, restarts = start(), restarts + 1
        time.sleep(0.05)


try:
    first = queue.enqueue(square, 12)
    check(result(first.id) == 144, "a first job")
    retried = queue.enqueue(flaky, 1000, retry=Retry(max=2, interval=1))
    began = time.monotonic()
    delayed = queue.enqueue_in(timedelta(seconds=1), square, 5)
    parent = queue.enqueue(square, 2)
    dependent = queue.enqueue(square, 3, depends_on=parent)
    check(result(dependent.id) == 9, "a dependent job")
    check(result(delayed.id) == 25 and time.monotonic() - began > 0.9, "a delayed job")
    check(result(retried.id) == -1000, "a retried job")

    sent, again, n = {}, 0, 0
    for _ in range(ROUNDS):
        for part in range(100):
            n += 1
            identity = f"job-{n}"
            what, right = (flaky, -n) if n % 10 == 0 else (square, n * n)
            while True:
                try:
                    queue.enqueue(what, n, job_id=identity, retry=Retry(max=3), result_ttl=600, failure_ttl=600)
                    break
                except Exception as error:
                    if not unconfirmed(error):
                        raise
                    again += 1
            sent[identity] = right
            if part == 30:
                fault()
            time.sleep(0.02)
        time.sleep(2)
        back()
    for identity, right in sent.items():
        value = result(identity)
        check(value == right, f"{identity} is {value}, not {right}")
    check(len(queue) == 0, f"{len(queue)} jobs are left")
    done(jobs=len(sent), again=again, worker_restarts=restarts)
finally:
    worker.terminate()
    try:
        worker.wait(15)
    except subprocess.TimeoutExpired:
        worker.kill()
