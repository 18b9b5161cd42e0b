"""Signs of life: polling workers leave one every few seconds, so that others see them work.

They are rows and no files, because those who want to know sit on other machines: the health
command, the metrics, ``manage.py check``. They are left between two batches by the very thread that
runs them, never by another one, so that a worker that hangs grows old.
"""

import os
import socket
from datetime import datetime, timedelta
from uuid import uuid4

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from order_copies.conf import settings
from order_copies.models import Heartbeat, OrderFactory

#: Seconds between two signs of one worker.
INTERVAL = 5
#: After so long the row of a worker that was killed tells nobody anything.
FORGOTTEN = timedelta(days=1)


def this_host() -> str:
    """The name of this machine, or container, as it stands in the names of workers."""
    return socket.gethostname()[:64]


def new_name() -> str:
    """A name for this process that no other has: host, process id and something random."""
    return f"{_this_process()}{uuid4().hex[:8]}"


def begin(worker: str) -> None:
    """A worker begins, and clears away what dead ones left behind."""
    dead = [one.pk for one in of_this_host(Heartbeat.objects.all()) if not _is_another(one)]
    Heartbeat.objects.filter(pk__in=dead).delete()
    Heartbeat.objects.filter(seen_at__lt=timezone.now() - FORGOTTEN).delete()
    beat(worker)


def beat(worker: str) -> None:
    """A worker is well."""
    now = timezone.now()
    if not Heartbeat.objects.filter(worker=worker).update(seen_at=now):
        Heartbeat.objects.create(worker=worker, started_at=now, seen_at=now)


def end(worker: str) -> None:
    """A worker has ended as it should."""
    Heartbeat.objects.filter(worker=worker).delete()


def at_work(now: datetime) -> "QuerySet[Heartbeat]":
    """The workers that were seen lately, for less than a lease ago, or that run a copy.

    A batch may take longer than a lease, but then the lease is renewed; a worker that was killed
    is told from others as soon as its copies are.
    """
    return Heartbeat.objects.filter(_is_at_work(now))


def gone(now: datetime) -> "QuerySet[Heartbeat]":
    """The workers that were killed, or that hang."""
    return Heartbeat.objects.exclude(_is_at_work(now))


def _is_at_work(now: datetime) -> Q:
    running = OrderFactory.objects.running(now)
    lately = now - max(settings.LEASE, timedelta(seconds=2 * INTERVAL))
    return Q(seen_at__gte=lately) | Q(Exists(running.filter(worker=OuterRef("worker"))))


def alive(now: datetime) -> "QuerySet[Heartbeat]":
    """The workers that do not hang: a batch takes no longer than ``BATCH_TIME_LIMIT``."""
    return Heartbeat.objects.filter(seen_at__gte=now - settings.BATCH_TIME_LIMIT)


def silent(now: datetime) -> "QuerySet[Heartbeat]":
    """The workers that hang, if they were not killed."""
    return Heartbeat.objects.filter(seen_at__lt=now - settings.BATCH_TIME_LIMIT)


def of_this_host(heartbeats: "QuerySet[Heartbeat]") -> "QuerySet[Heartbeat]":
    """Those of workers on this machine, or in this container."""
    return heartbeats.filter(worker__startswith=f"{this_host()}:")


def is_running(heartbeat: Heartbeat) -> bool:
    """Whether there is a process with the id of this worker, which is one of this host."""
    _host, process_id, _random = heartbeat.worker.rsplit(":", 2)
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_another(heartbeat: Heartbeat) -> bool:
    """Whether a worker of this host lives. Whoever had our process id before us, does not."""
    return is_running(heartbeat) and not heartbeat.worker.startswith(_this_process())


def _this_process() -> str:
    return f"{this_host()}:{os.getpid()}:"
