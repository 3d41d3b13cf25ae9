from inspect import unwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skiplib import config
from skiplib.config import SCALES, VARIANTS, Experiment, experiment, switches
from skiplib.errors import ConfigError


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_variant_at_every_scale_survives_json(variant, scale):
    made = experiment(variant, scale)
    assert Experiment.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({"variant": "no_X"}, "no_Ladv"),
        ({"scale": "huge"}, "demo"),
        ({"corpus": "imagenet"}, "skipworld"),
        ({"overlay": {"memory.slot": 16}}, "memory.slots"),
        ({"overlay": {"memory.slots": "many"}}, "memory.slots"),
        ({"overlay": {"alignment.kind": "magic"}}, "alignment.kind"),
        ({"overlay": {"latent": 0}}, "latent"),
        ({"overlay": {"audio.hop": 0}}, "audio.hop"),
        ({"overlay": {"speech_decoder.prenet": (256, 0)}}, "speech_decoder.prenet.1"),
        ({"overlay": {"text_encoder.dropout": 1.5}}, "text_encoder.dropout"),
        ({"overlay": {"optim.rate": -1.0}}, "optim.rate"),
        ({"overlay": {"alignment.weight": float("nan")}}, "alignment.weight"),
        ({"seed": -1}, "seed"),
        ({"seed": 5_000_000_000}, "seed"),
        ({"overlay": {"world.things": (5, 2)}}, r"things=\(5, 2\)"),
        ({"overlay": {"world.things": (2, 5)}}, r"things=\(2, 5\)"),
        ({"overlay": {"image.size": 128}}, "do not lead from 4 to 128 pixels"),
        ({"variant": "separate", "overlay": {"image.size": 128}}, "do not lead from 4 to 128 pixels"),
        ({"corpus": "digits", "overlay": {"world.overlap": 0.5}}, "sets nothing of the corpus digits"),
        ({"overlay": {"sentences.longest": 50}}, "sets nothing of the corpus skipworld"),
        (
            {"variant": "no_M", "overlay": {"memory.slots": 16}},
            "sets nothing of no_M, where memory.kind",
        ),
    ],
)
def test_a_wrong_name_or_value_is_told_with_what_exists(given_, named):
    with pytest.raises(ConfigError, match=named):
        experiment(**given_)


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({"overlay": "memory.slots=3"}, "parse_overlay"),
        ({"overlay": ["memory.slots"]}, "parse_overlay"),
        ({"overlay": {3: 4}, "variant": "piecewise"}, "unknown switch '3'"),
        ({"variant": ["no_T"]}, r"unknown variant \['no_T'\]"),
        ({"corpus": None}, "unknown corpus None"),
    ],
)
def test_what_is_no_name_or_no_mapping_is_refused(given_, named):
    with pytest.raises(ConfigError, match=named):
        unwrap(experiment)(**given_)  # without the tests' own check of types


def test_what_a_system_lacks_forbids_nothing():
    assert experiment("piecewise", overlay={"image.size": 128}).image.size == 128  # it paints nothing
    features = {"image.features": "efficientnet_lite0"}
    for variant in set(VARIANTS) - {"cyclegan"}:
        assert experiment(variant, overlay=features).image.features == "efficientnet_lite0"
    assert experiment("separate", overlay={"speech_decoder.attend": "slots"}).memory.kind == "attention"
    assert experiment(seed=2**32 - 1).seed == 2**32 - 1


def test_a_corpus_of_captions_is_no_voice_for_its_own_images():
    assert {"coco+ljspeech", "flickr8k+cococaptions"} < set(config.CORPORA)
    with pytest.raises(ConfigError, match=r"unknown corpus 'coco\+cococaptions'"):
        experiment(corpus="coco+cococaptions")


@pytest.mark.parametrize("corpus", config.CORPORA)
def test_the_papers_corpus_has_a_hundred_epochs_at_its_scale(corpus):
    optim = experiment("ours", "paper", corpus).optim
    assert (optim.batch, optim.joint) == (8, 1.0)
    assert optim.steps == (1_416_087 if corpus.startswith("coco+") else 1_000_000)
    assert experiment("ours", "demo", corpus).optim.steps == (2_400 if corpus == "digits" else 3_600)


@given(st.sampled_from([16, 32, 64, 256]))
def test_an_overlay_changes_one_number(slots):
    plain, changed = experiment("ours"), experiment("ours", overlay={"memory.slots": slots})
    assert changed.memory.slots == slots
    assert changed.model_copy(update={"memory": plain.memory}) == plain


def test_an_ablation_differs_from_its_system_in_its_own_switches_alone():
    ours = experiment("ours_aligned")
    assert (
        experiment("aligned_no_M").model_copy(update={"variant": "ours_aligned", "memory": ours.memory})
        == ours
    )
    no_t = experiment("aligned_no_T")
    assert no_t.adversarial == ours.adversarial and no_t.transformer.kind == "linear"


def test_a_baseline_has_one_stage_and_no_bottleneck_to_switch():
    with pytest.raises(ConfigError, match=r"piecewise learns in one stage, and not with optim\.joint=0\.5"):
        experiment("piecewise", "smoke", overlay={"optim.joint": 0.5})
    with pytest.raises(
        ConfigError, match=r"memory\.slots sets nothing of cyclegan, which has no transformer"
    ):
        experiment("cyclegan", "smoke", overlay={"memory.slots": 16})


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("corpus", config.CORPORA)
def test_the_likeliest_wording_is_the_default_where_it_was_tried(corpus, scale):
    follows = {True: "likeliest", False: "caption"}[corpus == "skipworld"]
    assert experiment("ours_aligned", scale, corpus).alignment.wording == follows
    assert experiment("ours", scale, corpus).alignment.wording == "caption"


def test_demo_is_no_easier_than_promised():
    world = experiment("ours", "demo").world
    assert world.things[1] >= 2 and world.colours >= 8 and world.shapes >= 5 and world.sizes >= 2
    assert world.relations >= 4 and world.captions >= 5 and world.overlap == 0.26


def test_switches_name_everything_that_an_overlay_may_set():
    corpora = {"digits": "digits", "sentences": "coco+ljspeech"}
    for name, value in switches().items():
        corpus = corpora.get(name.partition(".")[0], "skipworld")
        assert experiment("ours", "paper", corpus, overlay={name: value}).variant == "ours"
