"""Start, complete and query tasks."""

from __future__ import annotations

from mockcs.aggregate import complete_in_path, part_of, query_parts, start_in_path
from mockcs.messages import Answer
from mockcs.resources import View, wanted_of
from mockcs.store import Store
from mockcs.terms import Params


def start_task(store: Store, params: Params) -> Answer:
    """Start a task in a service, attached to a state when the body names one (Start Task, 8.5.1)."""
    return start_in_path(store, params, "task")


def complete_task(store: Store, params: Params) -> Answer:
    """End a task (Complete Task, 8.5.2)."""
    return complete_in_path(store, params, "task")


def query_tasks(store: Store, params: Params) -> Answer:
    """The tasks of a service, active, completed or both (Query Tasks, 8.5.2)."""
    return query_parts(store, params, "task")


def query_task_by_id(store: Store, params: Params) -> Answer:
    """One task (Query Task by ID, 8.5.1)."""
    view = View(store, wanted_of(params), "task")
    return Answer(view.document(part_of(store, params, "task")), advice=view.advice)
