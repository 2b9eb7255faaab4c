"""Ctrl-C waits for the end of a step."""

import signal
import threading

import pytest

from tokay.training.interrupts import deferred_interrupts


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_second_one_raises() -> None:
    with deferred_interrupts() as interrupts:
        assert not interrupts.is_set
        press()
        assert interrupts.is_set
        with pytest.raises(KeyboardInterrupt):
            press()
    with pytest.raises(KeyboardInterrupt):  # the handler of before is back
        press()


def test_a_handler_of_the_program_stays() -> None:
    presses = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: presses.append(number))
    try:
        with deferred_interrupts() as interrupts:
            press()
        assert presses == [signal.SIGINT]
        assert not interrupts.is_set
    finally:
        signal.signal(signal.SIGINT, previous)


def test_another_thread_changes_no_handler() -> None:
    handlers = []

    def use() -> None:
        with deferred_interrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
