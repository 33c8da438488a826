"""Gateway payloads, as small as is realistic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .people import STAMP, User, snowflake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .ledger import Action

INTERACTION_TYPES: Final = {
    "slash": 2,
    "user_menu": 2,
    "message_menu": 2,
    "component": 3,
    "autocomplete": 4,
    "modal": 5,
}
OPTION_TYPES: Final = {str: 3, bool: 5, int: 4, float: 10}


def dispatch(event: str, sequence: int, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": 0, "t": event, "s": sequence, "d": data}


def interaction(action: Action, application_id: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """An interaction in a guild, thread or DM, with the fields that Discord adds."""
    payload: dict[str, Any] = {
        "id": str(action.id),
        "application_id": str(application_id),
        "type": INTERACTION_TYPES[action.kind],
        "token": action.token,
        "version": 1,
        "attachment_size_limit": 10485760,
        "data": data,
        "channel": action.channel.payload(),
        "channel_id": str(action.channel.id),
        "locale": action.user.locale,
        "entitlements": [],
        "app_permissions": "562949953421311",
    }
    if action.guild is None:
        payload |= {
            "user": action.user.payload(),
            "context": 1,
            "authorizing_integration_owners": {"1": str(action.user.id)},
        }
    else:
        payload |= {
            "guild_id": str(action.guild.id),
            "guild": {"id": str(action.guild.id), "locale": action.guild.locale, "features": []},
            "guild_locale": action.guild.locale,
            "member": {
                "user": action.user.payload(),
                "roles": [],
                "flags": 0,
                "joined_at": STAMP,
                "permissions": "0",
                "deaf": False,
                "mute": False,
            },
            "context": 0,
            "authorizing_integration_owners": {"0": str(action.guild.id)},
        }
    if action.source is not None:
        payload["message"] = action.source
    return payload


def command_data(path: str, options: Mapping[str, Any], focused: str | None = None) -> dict[str, Any]:
    """`admin ban` with options, nested as Discord nests subcommands; `focused` for autocomplete."""
    name, *rest = path.split()
    leaves = [_option(key, value, key == focused) for key, value in options.items()]
    for depth, part in enumerate(reversed(rest)):
        leaves = [{"type": 1 if depth == 0 else 2, "name": part, "options": leaves}]
    data: dict[str, Any] = {"id": str(snowflake()), "name": name, "type": 1, "options": leaves}
    users = {str(value.id): value.payload() for value in options.values() if isinstance(value, User)}
    if users:
        data["resolved"] = {"users": users}
    return data


def _option(name: str, value: Any, focused: bool) -> dict[str, Any]:
    if isinstance(value, User):
        return {"type": 6, "name": name, "value": str(value.id)}
    option = {"type": OPTION_TYPES[type(value)], "name": name, "value": value}
    return option | {"focused": True} if focused else option


def menu_data(name: str, kind: str, target: User | dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"id": str(snowflake()), "name": name}
    if isinstance(target, User):
        return data | {
            "type": 2,
            "target_id": str(target.id),
            "resolved": {"users": {str(target.id): target.payload()}},
        }
    assert kind == "message_menu"
    return data | {"type": 3, "target_id": target["id"], "resolved": {"messages": {target["id"]: target}}}


def modal_data(modal: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """A submission of the modal that the bot showed: inputs by label, empty ones by default."""
    components = []
    for row in modal["components"]:
        inner = row["components"][0] if "components" in row else row["component"]
        label = row.get("label") or inner.get("label")
        filled = {"type": inner["type"], "custom_id": inner["custom_id"], "value": values.get(label, "")}
        components.append(
            {"type": row["type"], "components": [filled]}
            if "components" in row
            else {"type": row["type"], "component": filled}
        )
    return {"custom_id": modal["custom_id"], "components": components}


def message(author: User, channel_id: int, body: Mapping[str, Any], guild_id: int | None = None) -> dict[str, Any]:
    """A message as the API returns it."""
    payload: dict[str, Any] = {
        "id": str(snowflake()),
        "channel_id": str(channel_id),
        "type": 0,
        "author": author.payload(),
        "content": body.get("content") or "",
        "embeds": body.get("embeds") or [],
        "components": body.get("components") or [],
        "flags": body.get("flags") or 0,
        "attachments": [],
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": False,
        "pinned": False,
        "tts": False,
        "timestamp": STAMP,
        "edited_timestamp": None,
    }
    if guild_id is not None:
        payload["guild_id"] = str(guild_id)
    return payload


def components(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every button and select of a message, through rows, sections and containers."""

    def walk(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in items:
            if "custom_id" in item:
                yield item
            yield from walk(item.get("components", []))
            if accessory := item.get("accessory"):
                yield from walk([accessory])

    return walk(message["components"])
