"""A Discord on loopback, for the demo and for tests: REST, gateway, CDN and members to act.

async with Sandbox(clock=ManualClock()) as sandbox:
    alice = sandbox.member("alice")
    use = await alice.slash("ping")
    print((await use.answered()).content)
"""

from bot.sandbox.cast import Cast, Suggestion, Welcome
from bot.sandbox.client import Member
from bot.sandbox.clock import Clock, ManualClock, SystemClock
from bot.sandbox.connection import ActionRefused
from bot.sandbox.faults import Fault
from bot.sandbox.intents import Intent
from bot.sandbox.parts import LocalFile
from bot.sandbox.rest import Exchange, Observer
from bot.sandbox.seen import SeenFile, SeenMessage, SeenModal
from bot.sandbox.server import Sandbox
from bot.sandbox.use import NoAnswerError, Use

__all__ = [
    "ActionRefused",
    "Cast",
    "Clock",
    "Exchange",
    "Fault",
    "Intent",
    "LocalFile",
    "ManualClock",
    "Member",
    "NoAnswerError",
    "Observer",
    "Sandbox",
    "SeenFile",
    "SeenMessage",
    "SeenModal",
    "Suggestion",
    "SystemClock",
    "Use",
    "Welcome",
]
