"""The sandbox's parts, joined: what the REST routes, the pages and tests work on."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.cdn import Cdn
from bot.sandbox.commands import Commands
from bot.sandbox.dispatch import Dispatcher
from bot.sandbox.faults import Faults
from bot.sandbox.gateway import Gateway
from bot.sandbox.intents import Intent
from bot.sandbox.interactions import Interactions
from bot.sandbox.invocations import Invocations
from bot.sandbox.messages import Messages
from bot.sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One of each."""

    world: World
    cdn: Cdn
    messages: Messages
    commands: Commands
    interactions: Interactions
    invocations: Invocations
    dispatcher: Dispatcher
    gateway: Gateway
    faults: Faults


def build_core(world: World, *, token: str, granted: Intent, judge_heartbeats: bool) -> Core:
    """Join the parts around a world."""
    cdn = Cdn(world.clock, world.snowflakes)
    messages = Messages(world, cdn)
    commands = Commands(world)
    interactions = Interactions(world, messages)
    dispatcher = Dispatcher(world, messages)
    return Core(
        world=world,
        cdn=cdn,
        messages=messages,
        commands=commands,
        interactions=interactions,
        invocations=Invocations(world, cdn, messages, commands, interactions),
        dispatcher=dispatcher,
        gateway=Gateway(
            world, dispatcher, token=token, granted=granted, judge_heartbeats=judge_heartbeats
        ),
        faults=Faults(world.clock),
    )
