"""Heartbeats of polling workers: a row each, updated every few seconds.

They are rows and not files because their readers run on other machines: the health command, the
metrics, ``manage.py check``. The thread that runs batches writes them between two batches, so the
heartbeat of a worker that hangs grows old.
"""

import os
import socket
from datetime import datetime, timedelta
from uuid import uuid4

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from order_copies.conf import settings
from order_copies.models import Heartbeat, OrderFactory

#: Seconds between two heartbeats of one worker.
INTERVAL = 5
#: Heartbeats older than this are deleted.
MAX_AGE = timedelta(days=1)


def this_host() -> str:
    """Return the name of this machine or container, the first part of the names of workers."""
    return socket.gethostname()[:64]


def new_name() -> str:
    """Return a unique name for a worker of this process: host, process id, random letters."""
    return f"{_this_process()}{uuid4().hex[:8]}"


def begin(worker: str) -> None:
    """Write the first heartbeat of a worker, and delete those of dead workers."""
    dead = [one.pk for one in of_this_host(Heartbeat.objects.all()) if not _is_another(one)]
    Heartbeat.objects.filter(pk__in=dead).delete()
    Heartbeat.objects.filter(seen_at__lt=timezone.now() - MAX_AGE).delete()
    beat(worker)


def beat(worker: str) -> None:
    """Write a heartbeat."""
    now = timezone.now()
    if not Heartbeat.objects.filter(worker=worker).update(seen_at=now):
        Heartbeat.objects.create(worker=worker, started_at=now, seen_at=now)


def end(worker: str) -> None:
    """Delete the heartbeat of a worker that stops."""
    Heartbeat.objects.filter(worker=worker).delete()


def active(now: datetime) -> "QuerySet[Heartbeat]":
    """Return the workers with a heartbeat younger than a lease, or that hold a copy.

    A batch may take longer than a lease, but then the lease is renewed. A worker that was killed
    is recognized as soon as the leases of its copies expire.
    """
    return Heartbeat.objects.filter(_is_active(now))


def stale(now: datetime) -> "QuerySet[Heartbeat]":
    """Return the workers that were killed or hang."""
    return Heartbeat.objects.exclude(_is_active(now))


def _is_active(now: datetime) -> Q:
    running = OrderFactory.objects.running(now)
    lately = now - max(settings.LEASE, timedelta(seconds=2 * INTERVAL))
    return Q(seen_at__gte=lately) | Q(Exists(running.filter(worker=OuterRef("worker"))))


def responsive(now: datetime) -> "QuerySet[Heartbeat]":
    """Return the workers that do not hang: a batch takes at most ``BATCH_TIME_LIMIT``."""
    return Heartbeat.objects.filter(seen_at__gte=now - settings.BATCH_TIME_LIMIT)


def hanging(now: datetime) -> "QuerySet[Heartbeat]":
    """Return the workers that hang, if they were not killed."""
    return Heartbeat.objects.filter(seen_at__lt=now - settings.BATCH_TIME_LIMIT)


def of_this_host(heartbeats: "QuerySet[Heartbeat]") -> "QuerySet[Heartbeat]":
    """Filter heartbeats by this machine or container."""
    return heartbeats.filter(worker__startswith=f"{this_host()}:")


def is_running(heartbeat: Heartbeat) -> bool:
    """Return whether the process of this worker, which is on this host, exists."""
    _host, process_id, _random = heartbeat.worker.rsplit(":", 2)
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_another(heartbeat: Heartbeat) -> bool:
    """Whether a worker of this host lives; one with our own process id is a dead predecessor."""
    return is_running(heartbeat) and not heartbeat.worker.startswith(_this_process())


def _this_process() -> str:
    return f"{this_host()}:{os.getpid()}:"
