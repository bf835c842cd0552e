"""The configuration: what loads, what is refused, and how the refusal reads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bot.config import (
    PLACEHOLDER,
    AccessConfig,
    Config,
    ConfigError,
    EngineConfig,
    LocalConfig,
    ModelConfig,
    Problem,
    ScriptedConfig,
    load,
)
from bot.config.engines import ENGINES
from bot.config.lines import key_lines
from generation.controls import CONTROL_NAMES
from generation.limits import LIMITS, Limits

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"
TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
MINIMAL = f'[discord]\ntoken = "{TOKEN}"\n'


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(
    folder: Path, text: str | bytes, environ: dict[str, str] | None = None
) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), environ or {})
    return list(caught.value.problems)


def test_a_token_is_all_a_configuration_needs(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL), {})
    assert config.discord.token.reveal() == TOKEN
    assert config.discord.api_url == "https://discord.com/api/v10"
    assert config.data.directory == tmp_path / "data"
    assert config.data.database.reveal() == f"sqlite:///{tmp_path}/data/easel.db"
    assert config.backends == (LocalConfig(models=(ModelConfig(name="demo"),)),)
    assert config.limits == Limits()


def test_discord_may_be_another_one(tmp_path: Path) -> None:
    addresses = 'api_url = "http://127.0.0.1:8321/api/v10/"\ngateway_url = "ws://127.0.0.1:8321/"'
    config = load(write(tmp_path, MINIMAL + addresses), {})
    assert config.discord.api_url == "http://127.0.0.1:8321/api/v10"
    assert config.discord.gateway_url == "ws://127.0.0.1:8321/"


def test_every_problem_is_listed_at_once_with_its_line(tmp_path: Path) -> None:
    text = """\
[discord]
api_url = "ftp://discord.com"
owners = ["me"]
sync_commands = "yes"
[queue]
bound = 0
job_seconds = inf
[limits]
max_side = 99999
[log]
level = "loud"
[[backends]]
kind = "cloud"
"""
    found = problems(tmp_path, text)
    assert [(problem.line, problem.key) for problem in found] == [
        (1, "discord.token"),
        (2, "discord.api_url"),
        (3, "discord.owners"),
        (4, "discord.sync_commands"),
        (6, "queue.bound"),
        (7, "queue.job_seconds"),
        (9, "limits.max_side"),
        (11, "log.level"),
        (13, "backends[1].kind"),
    ]


def test_a_problem_says_where_what_and_what_to_write(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + '[queue]\nbound = "many"\n')
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == (
        f'{path}:4: queue.bound: "many" is not possible here. '
        "Write a whole number from 1 to 100000, such as bound = 500."
    )


@pytest.mark.parametrize(
    ("extra", "advice"),
    [
        ("tokne = 1", "Perhaps you mean token"),
        ("stop_grace = 1", "Perhaps you mean stop_grace under [queue]"),
        ("[lmits]", "Perhaps you mean limits"),
        ("[[backends]]\nkind = 'local'\ndevise = 'cpu'", "Perhaps you mean device"),
        ("[data]\nzzz = 1", "Known here: directory, database, keep_days, reserve_mib"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(tmp_path: Path, extra: str, advice: str) -> None:
    (problem,) = problems(tmp_path, f"{MINIMAL}{extra}\n")
    assert problem.what == "there is no such key"
    assert problem.instead == advice
    assert problem.line == len(f"{MINIMAL}{extra}".splitlines())


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ("level = debug", 'Text needs quotes: level = "…"'),
        ("level = True", "Write level = true"),
        ('level = "debug', "Close the quotes at the end of the line"),
        (r'level = "C:\Users"', "single quotes take it as it is"),
        ('format = "json"', "Keep one of them"),
        ("level: debug", "key = value"),
    ],
)
def test_a_line_that_is_no_toml_is_named_with_advice(tmp_path: Path, row: str, advice: str) -> None:
    found = problems(tmp_path, f'{MINIMAL}[log]\nformat = "text"\n{row}\n')
    assert found[0].line == 5
    assert advice in found[0].instead


def test_reading_goes_on_past_broken_lines(tmp_path: Path) -> None:
    found = problems(tmp_path, "[discord]\ntoken = abc.def\n[log]\nlevel = debug\nformat = 1\n")
    assert [(problem.line, problem.key) for problem in found] == [
        (2, "token"),
        (4, "level"),
        (5, "log.format"),
    ]


def test_an_unclosed_bracket_is_reported_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, f"{MINIMAL}owners = [1,\n[log]\nlevel = 'info'\n")) == 1


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("[discord]\n# é".encode("latin-1"), "the file is not UTF-8 text"),
        (MINIMAL.encode("utf-16"), "the file is not UTF-8 text"),
    ],
)
def test_a_file_in_another_encoding_is_refused_in_words(
    tmp_path: Path, data: bytes, what: str
) -> None:
    assert problems(tmp_path, data)[0].what == what


def test_a_file_from_a_windows_editor_loads(tmp_path: Path) -> None:
    text = "\ufeff" + MINIMAL.replace("\n", "\r\n")
    assert load(write(tmp_path, text), {}).discord.token.reveal() == TOKEN


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file\. Copy config\.example\.toml"):
        load(tmp_path / "config.toml", {})


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file cannot be read"):
        load(tmp_path, {})


class TestToken:
    def test_the_environment_wins_over_the_file(self, tmp_path: Path) -> None:
        config = load(write(tmp_path, MINIMAL), {"EASEL_DISCORD_TOKEN": " from.the.environment "})
        assert config.discord.token.reveal() == "from.the.environment"

    def test_it_may_lie_in_a_file_beside_the_configuration(self, tmp_path: Path) -> None:
        (tmp_path / "token.txt").write_text(f"{TOKEN}\n")
        config = load(write(tmp_path, '[discord]\ntoken_file = "token.txt"'), {})
        assert config.discord.token.reveal() == TOKEN

    def test_the_environment_may_name_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(TOKEN)
        environ = {"EASEL_DISCORD_TOKEN_FILE": str(tmp_path / "secret")}
        assert load(write(tmp_path, ""), environ).discord.token.reveal() == TOKEN

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("", "the bot's token is missing"),
            ('[discord]\ntoken = ""', "this is empty"),
            ("[discord]\ntoken = 7", "this is not text"),
            (f'[discord]\ntoken = "Bot {TOKEN}"', 'it begins with "Bot "'),
            ('[discord]\ntoken = "my bot"', "it cannot be a token: it has spaces or special"),
            (f'[discord]\ntoken = "{PLACEHOLDER}"', "it still holds the example's placeholder"),
            ('[discord]\ntoken = "a"\ntoken_file = "b"', "token and token_file are both given"),
            ('[discord]\ntoken_file = "nowhere"', "nowhere cannot be read: No such file"),
        ],
    )
    def test_a_token_that_cannot_be_one_is_refused(
        self, tmp_path: Path, text: str, what: str
    ) -> None:
        (problem,) = problems(tmp_path, text)
        assert what in problem.what

    def test_an_empty_token_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        (problem,) = problems(tmp_path, '[discord]\ntoken_file = "empty"')
        assert problem.what == f"the file {tmp_path}/empty is empty"

    def test_nothing_shows_it(self, tmp_path: Path) -> None:
        config = load(write(tmp_path, MINIMAL), {})
        assert TOKEN not in f"{config!r} {config} {config.discord.token!r} {config.discord.token}"

    @pytest.mark.parametrize(
        "row", [f"token = {TOKEN}", f'token = "Bot {TOKEN}"', f'token = "{TOKEN} x"']
    )
    def test_no_problem_repeats_it(self, tmp_path: Path, row: str) -> None:
        with pytest.raises(ConfigError) as caught:
            load(write(tmp_path, f"[discord]\n{row}\n"), {})
        assert TOKEN not in str(caught.value)


class TestBackends:
    def test_several_keep_their_order(self, tmp_path: Path) -> None:
        text = (
            "[[backends]]\nkind = 'scripted'\n[[backends]]\nkind = 'local'\ndevice = 'CUDA:1'\n"
            "threads = 4"
        )
        assert load(write(tmp_path, MINIMAL + text), {}).backends == (
            ScriptedConfig(name="scripted"),
            LocalConfig(name="local", device="cuda:1", threads=4),
        )

    def test_a_model_is_a_folder_in_the_diffusers_format(self, tmp_path: Path) -> None:
        (tmp_path / "landscape").mkdir()
        (tmp_path / "landscape" / "model_index.json").touch()
        text = "[[backends]]\nkind='local'\nmodels=[{name='a b', path='landscape', title='A'}]"
        (backend,) = load(write(tmp_path, MINIMAL + text), {}).backends
        assert isinstance(backend, LocalConfig)
        assert backend.models == (ModelConfig(name="a b", path=tmp_path / "landscape", title="A"),)

    def test_a_model_may_be_a_single_file_with_a_folder_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "sdxl").mkdir()
        (tmp_path / "sdxl" / "model_index.json").touch()
        (tmp_path / "cats.safetensors").touch()
        text = "[[backends]]\nkind='local'\nmodels=[{name='x', path='cats.safetensors', %s}]\n"
        config = load(write(tmp_path, MINIMAL + text % "parts='sdxl'"), {})
        (backend,) = config.backends
        assert isinstance(backend, LocalConfig)
        assert backend.models[0].path == tmp_path / "cats.safetensors"
        assert backend.models[0].parts == tmp_path / "sdxl"
        config = load(write(tmp_path, MINIMAL + text % "steps=4"), {})
        (backend,) = config.backends
        assert isinstance(backend, LocalConfig)
        assert backend.models[0].parts is None

    def test_a_file_that_could_run_code_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "sdxl").mkdir()
        (tmp_path / "sdxl" / "model_index.json").touch()
        (tmp_path / "cats.ckpt").touch()
        text = "[[backends]]\nkind='local'\nmodels=[{name='x', path='cats.ckpt', parts='sdxl'}]\n"
        (problem,) = problems(tmp_path, MINIMAL + text)
        assert "could run code" in problem.what

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("backends = []\n", "the list is empty"),
            ("backends = 3\n", "this must be a list of sections"),
            ("[[backends]]\nname = 'x'\n", "the kind of backend is missing"),
            ("[[backends]]\nkind='local'\ndevice = 'gpu'\n", '"gpu" is not a device'),
            ("[[backends]]\nkind='local'\nname = '../x'\n", '"../x" cannot be a name'),
            ("[[backends]]\nkind='local'\n" * 2, 'two backends are named "local"'),
            ("[[backends]]\nkind='local'\nmodels=[]\n", "the list is empty"),
            ("[[backends]]\nkind='local'\nmodels=[{name='x'}]\n", 'the folder of "x" is missing'),
            (
                "[[backends]]\nkind='local'\nmodels=[{name='x', path='.'}]\n",
                "it holds no model_index.json",
            ),
            (
                "[[backends]]\nkind='local'\nmodels=[{name='demo', taesd='.'}]\n",
                "is no folder of a tiny decoder",
            ),
            (
                "[[backends]]\nkind='local'\nmodels=[{name='demo', ip_adapter='a.safetensors'}]\n",
                "ip_adapter and image_encoder go together",
            ),
        ],
    )
    def test_one_that_cannot_work_is_refused(self, tmp_path: Path, text: str, what: str) -> None:
        (problem,) = problems(tmp_path, text + MINIMAL)
        assert what in problem.what


class TestData:
    def test_a_database_address_is_meant_from_the_files_folder(self, tmp_path: Path) -> None:
        text = f"{MINIMAL}[data]\ndatabase = 'sqlite:///x/y.db'"
        database = load(write(tmp_path, text), {}).data.database
        assert database.reveal() == f"sqlite:///{tmp_path}/x/y.db"

    def test_another_database_is_refused_without_showing_its_password(self, tmp_path: Path) -> None:
        text = f"{MINIMAL}[data]\ndatabase = 'mysql://me:hunter2@host/x'"
        (problem,) = problems(tmp_path, text)
        assert "hunter2" not in problem.sentence(tmp_path)

    def test_a_file_is_no_data_directory(self, tmp_path: Path) -> None:
        (problem,) = problems(tmp_path, f"{MINIMAL}[data]\ndirectory = 'config.toml'")
        assert problem.what.endswith("config.toml is a file")


PIN = "71153311d3dbb46851df1931d3ca6e939de83304"


class TestHub:
    def models(self, folder: Path, entry: str) -> tuple[ModelConfig, ...]:
        text = f"[[backends]]\nkind='local'\nmodels=[{{name='x', {entry}}}]\n"
        config = load(write(folder, MINIMAL + text), {"HF_HOME": str(folder / "hf")})
        (backend,) = config.backends
        assert isinstance(backend, LocalConfig)
        return backend.models

    def problem(self, folder: Path, entry: str) -> Problem:
        text = f"[[backends]]\nkind='local'\nmodels=[{{name='x', {entry}}}]\n"
        (problem,) = problems(folder, MINIMAL + text)
        return problem

    def test_a_model_may_be_a_commit_of_a_repository(self, tmp_path: Path) -> None:
        (model,) = self.models(tmp_path, f"repo='stabilityai/sdxl-turbo', revision='{PIN}'")
        kept = tmp_path / "hf/hub/models--stabilityai--sdxl-turbo/snapshots" / PIN
        assert (model.repo, model.path) == ("stabilityai/sdxl-turbo", kept)

    def test_it_may_be_one_file_of_it(self, tmp_path: Path) -> None:
        entry = f"repo='a/b', revision='{PIN}', file='x/one.safetensors'"
        (model,) = self.models(tmp_path, entry)
        assert str(model.path).endswith(f"{PIN}/x/one.safetensors")

    @pytest.mark.parametrize("moving", ["main", "v1.0", "refs/pr/1", PIN[:7]])
    def test_a_revision_that_may_move_is_refused_with_how_to_pin_it(
        self, tmp_path: Path, moving: str
    ) -> None:
        problem = self.problem(tmp_path, f"repo='a/b', revision='{moving}'")
        assert problem.what == f'"{moving}" may mean other files tomorrow'
        assert "Write the commit, 40 digits" in problem.instead

    def test_without_one_the_place_to_find_it_is_told(self, tmp_path: Path) -> None:
        problem = self.problem(tmp_path, "repo='a/b'")
        assert "https://huggingface.co/a/b/commits/main" in problem.instead

    @pytest.mark.parametrize("file", ["m.ckpt", "../m.safetensors", "/m.safetensors"])
    def test_only_safetensors_of_the_repository_are_taken(self, tmp_path: Path, file: str) -> None:
        entry = f"repo='a/b', revision='{PIN}', file='{file}'"
        assert self.problem(tmp_path, entry).key.endswith("file")

    @pytest.mark.parametrize("repo", ["sdxl-turbo", "https://huggingface.co/a/b", "a/..", "a/b/c"])
    def test_a_repository_has_an_owner_and_a_name(self, tmp_path: Path, repo: str) -> None:
        assert self.problem(tmp_path, f"repo='{repo}', revision='{PIN}'").key.endswith("repo")


def test_folders_of_models_take_the_place_of_the_model_that_ships(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    text = "[[backends]]\nkind='local'\nmodel_folders=['models']\n"
    (backend,) = load(write(tmp_path, MINIMAL + text), {}).backends
    assert isinstance(backend, LocalConfig)
    assert (backend.models, backend.model_folders) == ((), (tmp_path / "models",))


class TestExample:
    def load(self, folder: Path, text: str) -> Config:
        for name in ("my-model", "flux"):
            model = folder / "models" / name
            model.mkdir(parents=True)
            (model / "model_index.json").touch()
        (folder / "models" / "taesdxl").mkdir()
        (folder / "models" / "taesdxl" / "config.json").touch()
        for name in ("cutter", "describer", "ip-adapter/image_encoder"):
            (folder / "models" / name).mkdir(parents=True)
            (folder / "models" / name / "config.json").touch()
        for name in ("loras", "embeddings", "workflows", "upscalers", "controlnets"):
            (folder / name).mkdir(exist_ok=True)
        adapter = folder / "models" / "ip-adapter" / "ip-adapter-plus_sdxl_vit-h.safetensors"
        adapter.touch()
        (folder / "upscalers" / "4x-sharp.safetensors").touch()
        for name in (
            "controlnets/my-edges",
            "controlnets/my-depth",
            "models/depth-anything-v2-small",
        ):
            (folder / name).mkdir()
            (folder / name / "config.json").touch()
        for name in ("discord-token.txt", "web-ui-password.txt", "images-token.txt"):
            (folder / name).write_text(TOKEN)
        return load(write(folder, text), {"EASEL_DISCORD_TOKEN": TOKEN})

    def test_it_loads_and_shows_the_defaults(self, tmp_path: Path) -> None:
        shown = self.load(tmp_path, EXAMPLE.read_text())
        default = load(write(tmp_path, MINIMAL), {"EASEL_DISCORD_TOKEN": TOKEN})
        assert shown.discord == default.discord
        assert shown.data == default.data
        assert shown.queue == default.queue
        assert shown.limits == default.limits
        assert shown.log == default.log
        assert shown.backends == default.backends

    def test_its_alternatives_are_valid_too(self, tmp_path: Path) -> None:
        config = self.load(tmp_path, with_alternatives(EXAMPLE.read_text()))
        local, *engines = config.backends
        assert isinstance(local, LocalConfig)
        assert [model.name for model in local.models] == ["demo", "my-model", "turbo"]
        assert [tool.name for tool in local.tools] == ["4x-sharp", "cutter", "describer"]
        assert [isinstance(each, EngineConfig) and each.kind for each in engines] == [*ENGINES]
        assert len(config.discord.owners) == 1

    def test_only_its_token_is_left_to_fill_in(self, tmp_path: Path) -> None:
        (problem,) = problems(tmp_path, EXAMPLE.read_bytes())
        assert problem.key == "discord.token"
        assert (problem.line or 0) > 1

    def test_it_has_every_key(self, tmp_path: Path) -> None:
        every = re.sub(r"^#(?=\S)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
        written = set(re.findall(r"^([a-z0-9_]+) = ", every, flags=re.MULTILINE))
        assert written - set(CONTROL_NAMES) == known_keys(tmp_path)
        assert len(written) >= 25

    def test_it_names_the_range_of_every_limit(self) -> None:
        text = EXAMPLE.read_text()
        for info in LIMITS:
            assert re.search(
                rf"^{info.field} = .*\({info.lowest} to {info.highest}\)", text, re.MULTILINE
            )


def known_keys(folder: Path) -> set[str]:
    """Every key with a value that the loader asks for, as it tells on meeting an unknown one."""
    zzz = "zzzzzzzzzz = 1"
    models = f'{{name = "demo", {zzz}, speed = {{{zzz}}}}}'
    text = f"""
        {zzz}
        discord = {{{zzz}}}
        data = {{{zzz}}}
        queue = {{{zzz}}}
        limits = {{{zzz}}}
        log = {{{zzz}}}
        access = [{{{zzz}}}]
        backends = [
            {{kind = "local", {zzz}, models = [{models}]}},
            {{url = "http://127.0.0.1", {zzz}, models = [{{name = "x", {zzz}}}]}},
        ]
    """
    lists = [problem.instead for problem in problems(folder, text, {"EASEL_DISCORD_TOKEN": TOKEN})]
    lists = [text for text in lists if text.startswith("Known here: ")]
    assert len(lists) == 12
    keys = {key for text in lists for key in text.removeprefix("Known here: ").split(", ")}
    sections = {"discord", "data", "queue", "limits", "log", "access", "backends", "speed"}
    sections |= {"controls"}
    return keys - sections


def with_alternatives(text: str) -> str:
    """The example with every ``#key = value`` switched on, in place of the line it replaces."""
    rows: list[str] = []
    replaced = {"owners", "sync_guilds", "token_file", "password_file"}
    for row in text.splitlines():
        alternative = re.match(r"#(?=\S)(\w+)?", row)
        if alternative is None:
            rows.append(row)
            continue
        if alternative[1] == "backend":  # instead of all sections, not of one line
            continue
        if alternative[1] in replaced:
            old = alternative[1].removesuffix("_file")
            rows = [earlier for earlier in rows if not earlier.startswith(f"{old} =")]
        rows.append(row[1:])
    return "\n".join(rows)


def test_a_key_is_found_in_every_form_of_toml() -> None:
    text = '''# comment
a = 1 # [x]
"b c".d = """
= not a key
[nor a table] \\""" """

[t.u]
k = [
  1, # one
  {x = "}", y = [']']},
]
[[l]]
n = \'\'\'
quoted\'\'\'
[[l]]
n = 1979-05-27T07:32:00
[l.sub]
z = {p.q = 1}
'''
    tomllib.loads(text)
    assert dict(key_lines(text)) == {
        ("a",): 2,
        ("b c",): 3,
        ("b c", "d"): 3,
        ("t", "u"): 7,
        ("t", "u", "k"): 8,
        ("t", "u", "k", 0): 9,
        ("t", "u", "k", 1): 10,
        ("t", "u", "k", 1, "x"): 10,
        ("t", "u", "k", 1, "y"): 10,
        ("t", "u", "k", 1, "y", 0): 10,
        ("l",): 12,
        ("l", 0): 12,
        ("l", 0, "n"): 13,
        ("l", 1): 15,
        ("l", 1, "n"): 16,
        ("l", 1, "sub"): 17,
        ("l", 1, "sub", "z"): 18,
        ("l", 1, "sub", "z", "p"): 18,
        ("l", 1, "sub", "z", "p", "q"): 18,
    }


def test_models_may_be_kept_for_roles_and_servers(tmp_path: Path) -> None:
    rule = '[[access]]\nmodels = ["flux*"]\nroles = [1, "2"]\nservers = [3]\n'
    config = load(write(tmp_path, MINIMAL + rule), {})
    assert config.access == (AccessConfig(models=("flux*",), roles=(1, 2), servers=(3,)),)


def test_a_rule_of_access_says_for_which_models_and_for_whom(tmp_path: Path) -> None:
    found = problems(tmp_path, MINIMAL + "[[access]]\nrole = [1]\n")
    assert [problem.key for problem in found] == [
        "access[1].models",
        "access[1].roles",
        "access[1].role",
    ]
    assert "Perhaps you mean roles" in found[2].instead
