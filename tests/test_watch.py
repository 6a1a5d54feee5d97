"""What a run says of itself when something is wrong, when it stops, and what it then keeps."""

import json
import math
import threading
from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RecipeError, RewardError, RunError
from prefloop.loops.optimise import optimise
from prefloop.loops.progress import Silent
from prefloop.loops.run import run
from prefloop.loops.watch import STEPS, Watch
from prefloop.planning import plan
from prefloop.recipe import Decoding, Optimiser, Sample, Scoring, Term
from prefloop.recipes import method
from prefloop.scoring import attempts
from prefloop.shaping import truncated_importance
from prefloop.text import Message, Prompt
from prefloop.verify.distance import paid
from prefloop.verify.learn import networks
from prefloop.verify.problem import PROMPT, distribution, reference, rises
from prefloop.verify.tabular import WHOLE, TabularGenerator, group
from small import PROMPTS, small


class Heard(Silent):
    """Somebody who remembers what was said."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


class Story:
    """A run on the small problem, and what could be seen of it from outside."""

    def __init__(
        self, recipe, *, generator=TabularGenerator, folder=None, on_step=lambda step: None, prompts=(PROMPT,)
    ):
        self.networks, self.heard = networks(), Heard()
        self.policy = self.networks["policy"]
        self.metrics, self.begins, self.after = [], [], on_step
        drawing = generator(self.policy)
        drawn = drawing.sample

        def sample(*given, **named):
            self.begins.append((self.policy.table.detach().clone(), self.policy.version))
            return drawn(*given, **named)

        drawing.sample = sample
        self.given = {"networks": self.networks, "generator": drawing, "prompts": [PROMPT], "folder": folder}
        self.recipe = recipe

    def seen(self, step, metrics, groups):
        self.metrics.append({**metrics, "step": step})
        self.after(step)

    def go(self):
        optimise(self.recipe, **self.given, on_step=self.seen, progress=self.heard)
        return self


def fast(name, **changes):
    return replace(paid(name), optimiser=Optimiser(lr=0.2), batch=4, steps=12, **changes)


# --- sampler and trainer


@pytest.mark.parametrize("lr", [0.0, 0.1])
def test_the_gap_between_sampler_and_trainer_is_measured_at_every_step_the_first_one_included(lr):
    story = Story(replace(fast("rloo"), optimiser=Optimiser(lr=lr), steps=3)).go()
    assert [m["sampler_gap"] for m in story.metrics] == pytest.approx([0.0] * 3, abs=1e-6)
    assert torch.equal(story.policy.table, reference().table) is (lr == 0)


class Behind(TabularGenerator):
    """A sampler that was sent its weights once, and says so."""

    def __init__(self, policy):
        stale = reference()
        with torch.no_grad():
            stale.table.mul_(0.5)
        stale.version = "tabular@77"
        super().__init__(stale)


class Lying(Behind):
    """The same, and it says that they are the trainer's."""

    def __init__(self, policy):
        super().__init__(policy)
        self.trained = policy

    def sample(self, *given, **named):
        self.policy.version = self.trained.version
        return super().sample(*given, **named)


def test_a_sampler_with_other_weights_is_told_by_the_gap_even_at_rate_0():
    story = Story(replace(fast("rloo"), optimiser=Optimiser(lr=0.0), steps=2), generator=Lying)
    story.go()
    assert min(m["sampler_gap"] for m in story.metrics) > 0.1
    [told] = story.heard.said
    assert told.startswith("warning: Sampler and trainer differ by 0.1 nats a token or more")


def test_answers_of_other_weights_are_refused_with_both_versions():
    story = Story(fast("rloo"), generator=Behind)
    with pytest.raises(RunError, match=r"drawn with `tabular@77`, and the policy .* `tabular@0`.*truncated_imp"):
        story.go()


class Silenced(TabularGenerator):
    """A sampler that does not say which weights drew an answer."""

    def sample(self, *given, **named):
        groups = super().sample(*given, **named)
        return [replace(g, responses=tuple(replace(r, model_version="") for r in g.responses)) for g in groups]


def test_answers_of_nobody_knows_which_weights_are_refused():
    with pytest.raises(RunError, match="drawn with weights that the sampler does not name"):
        Story(fast("rloo"), generator=Silenced).go()


def test_a_recipe_that_corrects_takes_them_and_counts_them():
    recipe = fast("rloo")
    recipe = replace(recipe, derive=(*recipe.derive, bind(truncated_importance)))
    stale, own = Story(recipe, generator=Behind).go(), Story(recipe).go()
    assert {m["stale"] for m in stale.metrics} == {1.0}
    assert {m["stale"] for m in own.metrics} == {0.0}
    assert "stale" not in Story(fast("rloo")).go().metrics[0]


# --- rewards that fail


@pytest.fixture
def pauses(monkeypatch):
    found = []
    monkeypatch.setattr(attempts.time, "sleep", found.append)
    return found


class Judge:
    """Fails at the calls of these numbers."""

    def __init__(self, *failing, error=ConnectionError):
        self.calls, self.failing, self.error = 0, failing, error

    def __call__(self, prompt, response):
        self.calls += 1
        if self.calls in self.failing:
            raise self.error("away")
        return rises(prompt, response)


def judged_by(judge, **how):
    def asked(prompt, response):
        return judge(prompt, response)

    recipe = replace(fast("rloo"), steps=2, batch=2, sample=Sample(k=2))
    return replace(recipe, score={"reward": bind(asked)}, scoring=Scoring(**how))


class OfALibrary(Exception):
    """Not one of Python's own."""


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError, OfALibrary])
def test_a_reward_that_fails_for_a_while_is_asked_again_and_nothing_else_changes(error, pauses):
    judge = Judge(3, 4, error=error)
    story, calm = Story(judged_by(judge)).go(), Story(judged_by(Judge())).go()
    assert pauses == [1.0, 2.0]
    assert judge.calls == 8 + 2
    assert torch.equal(story.policy.table, calm.policy.table)


def test_a_reward_that_goes_on_failing_stops_the_run_with_the_prompt_and_the_number_of_attempts(pauses, tmp_path):
    story = Story(judged_by(Judge(*range(6, 99))), folder=tmp_path / "state")
    words = r"`asked` raised ConnectionError: away on prompt '0', response 1 '\d{3}', in 3 attempts"
    with pytest.raises(RewardError, match=words):
        story.go()
    assert len(story.metrics) == 1
    again = Story(judged_by(Judge()), folder=tmp_path / "state").go()
    assert [m["step"] for m in again.metrics] == [1]
    assert torch.equal(again.policy.table, Story(judged_by(Judge())).go().policy.table)


@pytest.mark.parametrize("error", [KeyError, TypeError, ZeroDivisionError, RecipeError])
def test_a_mistake_in_the_reward_is_not_tried_again(error, pauses):
    judge = Judge(2, error=error)
    with pytest.raises(RewardError, match=r"response 1 '\d{3}'\.$"):
        Story(judged_by(judge)).go()
    assert (judge.calls, pauses) == (2, [])


class Sleeper(Judge):
    """Does not answer in time at the calls of these numbers."""

    def __call__(self, prompt, response):
        self.calls += 1
        if self.calls in self.failing:
            held.wait(20)
        return rises(prompt, response)


held = threading.Event()


def test_a_reward_that_hangs_is_given_up_after_its_time_and_asked_again(pauses):
    judge = Sleeper(2)
    story = Story(judged_by(judge, timeout=0.2)).go()
    assert (judge.calls, pauses) == (9, [1.0])
    assert torch.equal(story.policy.table, Story(judged_by(Judge())).go().policy.table)
    with pytest.raises(RewardError, match=r"raised TimeoutError: no answer within 0.2 s on prompt '0', response 1 "):
        Story(judged_by(Sleeper(2), timeout=0.2, attempts=1)).go()
    held.set()


def test_a_reward_within_its_time_is_passed_on_and_so_is_what_it_raises(pauses):
    assert Story(judged_by(Judge(), timeout=20)).go().metrics
    with pytest.raises(RewardError, match="raised KeyError"):
        Story(judged_by(Judge(1, error=KeyError), timeout=20)).go()


TWO = (Prompt(text="0"), Prompt(text="0"))


def test_a_prompt_whose_reward_fails_can_be_skipped_and_the_step_is_that_of_the_other_alone(pauses):
    """The first prompt of the first step fails at its second answer: the step learns from the second prompt."""
    judge = Judge(2, 3, 4)
    story = Story(judged_by(judge, failed="skip")).go()
    assert [m["unpaid"] for m in story.metrics] == [1.0, 0.0]
    assert judge.calls == 1 + 3 + 2 + 4
    alone = judged_by(Judge())

    def second(ids):
        return torch.arange(2).unsqueeze(-1).expand(2, 2) == 1 if len(ids) == 2 else torch.ones(1, 2).bool()

    want = Story(replace(alone, select=(bind(second),), steps=1)).go()
    got = Story(replace(judged_by(Judge(2, 3, 4), failed="skip"), steps=1)).go()
    assert torch.equal(got.policy.table, want.policy.table)
    assert not torch.equal(want.policy.table, reference().table)


def test_a_greedy_answer_that_cannot_be_paid_leaves_its_prompt_out(pauses):
    judge = Judge(1, error=KeyError)  # the baseline of the first prompt comes first

    def asked(prompt, response):
        return judge(prompt, response)

    recipe = replace(fast("remax"), steps=1, batch=3, sample=Sample(k=2, greedy=True))
    story = Story(replace(recipe, score={"reward": bind(asked)}, scoring=Scoring(failed="skip"))).go()
    assert story.metrics[0]["unpaid"] == 1.0
    assert math.isfinite(story.metrics[0]["loss"])


def test_judged_answers_whose_reward_fails_are_left_out_of_what_is_learnt_and_told(pauses):
    judge = Judge(1, error=KeyError)

    def asked(prompt, response):
        return judge(prompt, response)

    pairs = [group(PROMPT, [WHOLE[2 * i], WHOLE[2 * i + 1]]) for i in range(3)]
    recipe = replace(method("dpo")(batch=1), score={"reward": bind(asked)})
    told = []
    optimise(
        replace(recipe, scoring=Scoring(failed="skip"), steps=4),
        networks=networks(),
        judged=pairs,
        on_step=lambda step, metrics, groups: told.append((metrics["tokens"], groups[0].texts)),
    )
    assert {texts for _, texts in told} == {pairs[1].texts, pairs[2].texts}


def test_a_reward_that_fails_for_every_prompt_of_a_step_stops_the_run_all_the_same(pauses):
    with pytest.raises(RewardError, match=r"in 3 attempts\. So it went for every prompt of the step\."):
        Story(judged_by(Judge(*range(5, 99)), failed="skip")).go()


@pytest.mark.parametrize(
    ("how", "words"),
    [({"timeout": 0}, "`timeout` is 0: it is above 0"), ({"attempts": 0}, "`attempts` is 0: it is at least 1")],
    ids=str,
)
def test_a_rule_that_means_nothing_is_refused(how, words):
    with pytest.raises(RecipeError, match=words):
        Scoring(**how)


# --- a KL budget


def free_and_bounded(budget, name="rloo", **changes):
    recipe = fast(name, **changes)
    return Story(recipe).go(), Story(replace(recipe, kl_budget=budget)).go()


@pytest.mark.parametrize("more", [{}, {"passes": 2, "minibatches": 2}], ids=str)
@pytest.mark.parametrize("budget", [0.1, 0.5])
def test_a_run_beyond_its_kl_budget_ends_with_the_weights_of_the_last_step_within_it(budget, more):
    free, bounded = free_and_bounded(budget, **more)
    over = next(i for i, m in enumerate(free.metrics) if m["kl"] > budget)
    assert 0 < over < len(free.metrics) - 1
    assert [m["kl"] for m in bounded.metrics] == [m["kl"] for m in free.metrics[: over + 1]]
    assert [m.get("over_budget") for m in bounded.metrics] == [None] * over + [1.0]
    table, version = free.begins[over - 1]
    assert torch.equal(bounded.policy.table, table)
    assert bounded.policy.version == version
    [told] = bounded.heard.said
    assert told.startswith(f"KL(policy || ref) of the samples of step {over} is ")
    assert f"with the weights of step {over - 1}, the last within it" in told


def test_a_budget_that_is_kept_changes_nothing():
    free, bounded = free_and_bounded(1e3)
    assert torch.equal(free.policy.table, bounded.policy.table)
    assert bounded.heard.said == []


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_run_that_ended_at_its_budget_stays_so_and_one_that_was_interrupted_ends_there_too(stop, tmp_path):
    def at_once(step):
        if step == stop:
            raise MemoryError("the machine takes the process away")

    recipe = fast("rloo", kl_budget=0.5, checkpoint=1)
    whole = Story(recipe).go()
    assert len(whole.metrics) > 4
    with pytest.raises(MemoryError):
        Story(recipe, folder=tmp_path / "state", on_step=at_once).go()
    ended = Story(recipe, folder=tmp_path / "state").go()
    again = Story(recipe, folder=tmp_path / "state").go()
    for story in (ended, again):
        assert torch.equal(story.policy.table, whole.policy.table)
        assert story.policy.version == whole.policy.version
    assert again.metrics == []


def test_a_run_interrupted_right_before_the_step_beyond_its_budget_still_knows_the_last_one_within(tmp_path):
    recipe = fast("rloo", kl_budget=0.5, checkpoint=1)
    whole = Story(recipe).go()
    over = len(whole.metrics) - 1

    def stop(step):
        if step == over:
            raise MemoryError

    with pytest.raises(MemoryError):
        Story(recipe, folder=tmp_path / "state", on_step=stop).go()
    ended = Story(recipe, folder=tmp_path / "state").go()
    assert [m["step"] for m in ended.metrics] == [over]
    assert torch.equal(ended.policy.table, whole.policy.table)


def test_a_policy_that_begins_beyond_the_budget_stays_as_it_was():
    story = Story(fast("rloo", kl_budget=0.1))
    with torch.no_grad():
        story.policy.table.add_(torch.linspace(0, 3, 4, dtype=torch.float64))
    begun = story.policy.table.detach().clone()
    story.go()
    assert torch.equal(story.policy.table, begun)
    assert "with the weights it began with, since no step was within the budget" in story.heard.said[0]


def test_a_budget_wants_a_reference_and_a_policy_that_samples():
    with pytest.raises(RecipeError, match="`kl_budget` is 0: it is above 0"):
        replace(method("rloo")(), kl_budget=0)
    with pytest.raises(RecipeError, match=r"`kl_budget` asks for `ref_logp`.*no frozen model named `ref`"):
        plan(replace(method("dapo")(), kl_budget=1.0))
    with pytest.raises(RecipeError, match="measured on a trained policy's own samples"):
        plan(replace(method("dpo")(), kl_budget=1.0))


def test_a_budget_reads_the_reference_where_nothing_else_does():
    recipe = method("dapo")()
    recipe = replace(recipe, kl_budget=1.0, models={**recipe.models, "ref": method("rloo")().models["ref"]})
    assert plan(recipe).frozen == ("ref",)


def test_in_the_whole_loop_a_budget_ends_the_stage_and_the_report_says_so(folder, tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(PROMPTS, encoding="utf-8")
    rounds = small(folder, prompts)
    rounds = replace(rounds, rounds=1, policy=replace(rounds.policy, kl_budget=1e-6, steps=4))
    run(rounds, out=tmp_path / "run")
    steps = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    last = [s for s in steps if s["stage"] == "1/policy"][-1]
    assert last["over_budget"] == 1.0
    assert last["step"] < 3
    told = json.loads((tmp_path / "run" / "summary.json").read_text())["warnings"]
    assert [w for w in told if w.startswith(f"Round 1 stopped learning at step {last['step']}")]
    assert (tmp_path / "run" / "report.html").exists()


# --- gradients that are not finite, and critics that explain nothing


def broken(logp, *, after=0):
    """A loss without a finite gradient, from a call on."""
    broken.calls += 1
    return logp * (math.inf if broken.calls > after else 1.0)


def breaking(after):
    broken.calls = 0
    return replace(fast("rloo"), objective=(Term(objective=bind(broken, after=after)),), steps=30)


def test_a_run_that_takes_no_step_any_more_is_ended_with_what_it_had(tmp_path):
    story = Story(breaking(after=4), folder=tmp_path / "state")
    with pytest.raises(RunError, match=rf"gradient of `policy` was not finite in {STEPS} steps in a row.*lower the"):
        story.go()
    assert [m["skipped"] for m in story.metrics] == [0.0] * 2 + [1.0] * STEPS  # each step asks for its loss twice
    assert torch.equal(story.policy.table, story.begins[2][0])
    assert (tmp_path / "state").is_dir()


CONVERSATION = Prompt(messages=(Message(role="user", content="0"),))


def looked(recipe, rows, prompt=CONVERSATION):
    said = []
    watch = Watch(recipe, said.append, prompts=[prompt])
    for row in rows:
        watch.look(row)
        watch.must_learn(row)
    return said


def test_steps_that_are_taken_in_between_are_no_reason_to_end():
    looked(fast("rloo"), [{"skipped": 1.0}] * (STEPS - 1) + [{"skipped": 0.0}] + [{"skipped": 1.0}] * (STEPS - 1))


def test_a_critic_that_explains_nothing_for_long_is_named_once():
    bad, good = {"unexplained": 1.1, "loss": 0.0}, {"unexplained": 0.0, "loss": 0.0}
    assert looked(fast("ppo"), [bad] * (STEPS - 1) + [good] + [bad] * (STEPS - 1)) == []
    [told] = looked(fast("ppo"), [bad] * 3 * STEPS)
    assert told.startswith(f"Over {STEPS} steps the critic explained nothing")


def test_a_critic_that_runs_away_is_named_in_a_run():
    recipe = fast("ppo")
    [clipped, value] = recipe.objective
    away = replace(recipe, objective=(clipped, replace(value, weight=-1.0)), steps=STEPS + 2)
    assert [s for s in Story(away).go().heard.said if "the critic explained nothing" in s]
    assert Story(replace(recipe, optimiser=Optimiser(lr=0.05), batch=16, steps=STEPS + 2)).go().heard.said == []


def alike(prompt, response):
    return 1.0


@pytest.mark.parametrize("name", ["rloo", "dapo"])
def test_answers_that_are_always_paid_alike_are_named(name):
    recipe = replace(fast("rloo"), name=name, steps=STEPS)
    if name == "dapo":
        recipe = replace(method("dapo")(k=2, batch=2, steps=STEPS))
    story = Story(replace(recipe, score={"reward": bind(alike)})).go()
    [told] = story.heard.said
    assert told.startswith(f"warning: In {STEPS} steps in a row the answers to each prompt were all paid alike")


# --- answers that are cut, and answers of nothing


class Ending(TabularGenerator):
    """Cuts or empties some of its answers: `how` gives each answer, by its number in the step."""

    def __init__(self, policy, how):
        super().__init__(policy)
        self.how = how

    def sample(self, *given, **named):
        groups = super().sample(*given, **named)
        return [
            replace(g, responses=tuple(self.how(p, k, r) for k, r in enumerate(g.responses)))
            for p, g in enumerate(groups)
        ]


def test_answers_that_were_cut_are_counted_and_named_where_all_of_a_conversation_were():
    def cut(p, k, r):
        return replace(r, finish="length" if k else "end")

    recipe = replace(fast("rloo"), sample=Sample(k=4, decoding=Decoding(max_tokens=3)), steps=3)
    some = Story(recipe, generator=lambda policy: Ending(policy, cut)).go()
    assert [m["truncated"] for m in some.metrics] == [0.75] * 3
    assert some.heard.said == []
    every = Story(recipe, generator=lambda policy: Ending(policy, lambda p, k, r: replace(r, finish="length"))).go()
    assert every.heard.said == []  # a text that is gone on with may well be cut
    assert looked(recipe, some.metrics) == []
    [told] = looked(recipe, every.metrics)
    assert told.startswith("All answers of a step were cut at 3 tokens, none ended by itself")
    assert told.endswith("raise sample.decoding.max_tokens.")


def nothing(r):
    return replace(r, text="", ids=(), mask=(), logp=())


def short(prompt, response):
    return rises(prompt, response) if response else 5.0


@pytest.mark.parametrize("name", ["rloo", "grpo", "ppo", "raft", "reinforce", "nft", "sppo"])
def test_an_answer_without_tokens_is_as_if_it_were_not_there(name):
    """The others of its group are compared among themselves, whatever it is paid."""

    def last(p, k, r):
        return nothing(r) if k == 3 else r

    recipe = replace(method(name)(reward=bind(short), k=4, batch=4, steps=2), optimiser=Optimiser(lr=0.1))
    seen = []
    for pay in (5.0, -5.0):

        def paid(prompt, response, pay=pay):
            return rises(prompt, response) if response else pay

        story = Story(replace(recipe, score={"reward": bind(paid)}), generator=lambda policy: Ending(policy, last)).go()
        seen.append(story.policy.table.detach())
        assert all(m["empty"] == 0.25 and math.isfinite(m["loss"]) for m in story.metrics)
    assert torch.equal(*seen)
    assert not torch.equal(seen[0], reference().table)


@pytest.mark.parametrize("name", ["rloo", "grpo", "ppo", "raft", "online-dpo"])
def test_a_prompt_without_any_answer_is_left_out_and_so_is_a_step_without_any(name):
    def first(p, k, r):
        return nothing(r) if p == 0 else r

    recipe = replace(method(name)(reward=bind(short), k=2, batch=2, steps=1), optimiser=Optimiser(lr=0.1))
    story = Story(recipe, generator=lambda policy: Ending(policy, first)).go()
    assert math.isfinite(story.metrics[0]["loss"])
    assert not torch.equal(story.policy.table, reference().table)
    if name != "online-dpo":  # which says that there is no pair
        bare = Story(recipe, generator=lambda policy: Ending(policy, lambda p, k, r: nothing(r))).go()
        assert "loss" not in bare.metrics[0]
        assert torch.equal(distribution(bare.policy), distribution(reference()))
