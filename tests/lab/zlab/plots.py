# SPDX-License-Identifier: Apache-2.0
"""Threads of a hostile history (histories.py) that lose members at the worst time.

A conversation takes the id after the message that makes it real. Who makes the mailbox anew knows
only the members that are left: of these another one makes it real, and the id after that one
belongs to something else, for between two lines of a plot other things come.
"""


def _speak(history, thread, steps, **how):
    history.later(steps, lambda: history.say(thread, **how))


def _lose(history, thread, steps, op, which=0):
    history.later(steps, lambda: history.act(thread.items[which:which + 1], op))


def first_deleted(history, thread):
    history.say(thread)
    _speak(history, thread, 3)
    _lose(history, thread, 5, "delete")
    for steps in (8, 13, 19):
        _speak(history, thread, steps)


def two_deleted(history, thread):
    for _ in range(2):
        history.say(thread, by="last")
    _speak(history, thread, 4)
    for which in (0, 1):
        _lose(history, thread, 6, "delete", which)
    for steps in (9, 16):
        _speak(history, thread, steps)


def first_is_spam(history, thread):
    """In Junk it still makes the conversation; added to Junk it does not."""
    history.say(thread)
    _lose(history, thread, 2, "spam")
    for steps in (4, 9, 15):
        _speak(history, thread, steps)


def spam_and_back(history, thread):
    history.say(thread)
    _speak(history, thread, 3)
    _lose(history, thread, 5, "spam")
    _speak(history, thread, 7)
    _lose(history, thread, 9, "!spam")
    _speak(history, thread, 12)


def by_subject(history, thread):
    history.say(thread)
    _speak(history, thread, 4, by="subject")
    _lose(history, thread, 6, "delete")
    for steps in (9, 14):
        _speak(history, thread, steps, by="subject")


def by_subject_too_late(history, thread):
    """Some of these come more than a month later."""
    history.say(thread, by="subject")
    _speak(history, thread, 5, by="subject")
    _speak(history, thread, 60 + history.count // 6, by="subject")
    _speak(history, thread, 65 + history.count // 6, by="subject")


def mine_deleted(history, thread):
    history.say(thread, mine=True)
    _speak(history, thread, 4)
    _lose(history, thread, 6, "delete")
    _speak(history, thread, 9)
    _speak(history, thread, 11, mine=True)


def all_but_the_last(history, thread):
    history.say(thread)
    _speak(history, thread, 2)
    for which in (0, 1):
        _lose(history, thread, 5, "trash", which)
    _speak(history, thread, 7)
    for which in (0, 1):
        _lose(history, thread, 9, "delete", which)
    for steps in (12, 18):
        _speak(history, thread, steps)


def two_become_one(history, thread):
    """A message that refers to two conversations merges them."""
    other = type(thread)(history.subject(False))
    for one in (thread, other):
        history.say(one)
        _speak(history, one, 4)

    def merge():
        thread.mids += other.mids
        history.say(thread)
    history.later(8, merge)
    _lose(history, other, 10, "delete")
    _speak(history, thread, 14)


PLOTS = (first_deleted, first_deleted, two_deleted, first_is_spam, spam_and_back, by_subject,
         by_subject_too_late, mine_deleted, all_but_the_last, two_become_one)
