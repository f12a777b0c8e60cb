import json

import pytest

from prosector.errors import ParameterError, RecipeError, UnknownNameError
from prosector.pipeline.operations import OPERATIONS
from prosector.pipeline.parameters import REQUIRED, Parameter, complete
from prosector.pipeline.recipes import answer, builtin, builtin_names, parse_recipe, read_recipe, recipe_to_json
from prosector.pipeline.run import check_recipe

STEP = {"id": "a", "operation": "mip", "inputs": {"volume": "source"}}


def recipe(*steps, outputs=()):
    return parse_recipe({"name": "test", "steps": list(steps), "outputs": list(outputs)})


@pytest.mark.parametrize("name", builtin_names())
def test_built_in_recipes_fit_together(name):
    recipe = builtin(name)
    check_recipe(answer(recipe, {q.key: q.example for q in recipe.questions}))


def test_the_promised_recipes_are_built_in():
    assert {"bone-ct", "overview"} <= set(builtin_names())


@pytest.mark.parametrize("name", builtin_names())
def test_a_recipe_survives_json(name):
    once = builtin(name)
    assert parse_recipe(json.loads(json.dumps(recipe_to_json(once)))) == once


def test_for_each_repeats_a_step_and_its_output():
    step = {**STEP, "id": "mip-{view}", "for_each": {"view": ["left", "right"]}}
    made = recipe(step, outputs=[{"step": "mip-{view}", "file": "{view}.png"}])
    assert [s.id for s in made.steps] == ["mip-left", "mip-right"]
    assert [s.parameters["view"] for s in made.steps] == ["left", "right"]
    assert [o.file for o in made.outputs] == ["left.png", "right.png"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({**STEP, "operation": "mipp"}, "unknown operation 'mipp'"),
        ({**STEP, "inputs": {"volume": "nowhere"}}, "no earlier step makes"),
        ({**STEP, "inputs": {}}, "needs inputs"),
        ({**STEP, "id": "source"}, "it is the name of an input"),
        ({**STEP, "parameters": {"zoom": -1}}, "'zoom' is a number from 0.05 to 100"),
        ({**STEP, "parameters": {"zoom": float("nan")}}, "found nan"),
        ({**STEP, "parameters": {"zom": 1}}, "has no parameter 'zom'"),
        ({**STEP, "operation": "extract-label-mesh", "inputs": {"labels": "source"}}, "takes a LabelMap"),
        ({**STEP, "operation": "extract-mesh"}, "needs parameter 'level'"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_runs(step, words):
    with pytest.raises(RecipeError, match=r"step 'a'|two steps") as caught:
        check_recipe(recipe(step))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"name": "x"},
        {"name": "x", "steps": [{"id": "a"}]},
        {"name": "x", "steps": [3]},
        {"name": "x", "steps": [], "stps": []},
        {"name": "x", "steps": [{**STEP, "for_each": {"view": "left"}}]},
        {"name": "x", "steps": [STEP], "outputs": [{"step": "a", "file": "../up.png"}]},
        {"name": "x", "steps": [STEP], "outputs": [{"step": "a", "file": "/root.png"}]},
    ],
)
def test_what_is_no_recipe_is_refused(data):
    with pytest.raises(RecipeError):
        parse_recipe(data)


def test_a_recipe_without_steps_and_an_output_of_nothing_are_refused():
    with pytest.raises(RecipeError, match="no steps"):
        check_recipe(recipe())
    with pytest.raises(RecipeError, match="not there"):
        check_recipe(recipe(STEP, outputs=[{"step": "b", "file": "b.png"}]))


def test_reading_names_what_is_there(tmp_path):
    with pytest.raises(UnknownNameError, match="bone-ct"):
        read_recipe("no-such")
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(RecipeError, match="not JSON"):
        read_recipe(str(tmp_path / "r.json"))


def test_parameters_are_checked_by_kind():
    table = (Parameter("n", "integer", REQUIRED, "a count", "", 1, 5), Parameter("on", "boolean", False, "a switch"))
    assert complete("op", table, {"n": 3.0}) == {"n": 3, "on": False}
    for bad in ({"n": 2.5}, {"n": 6}, {"n": True}, {"n": "3"}, {"n": None}, {}, {"n": 1, "on": 1}):
        with pytest.raises(ParameterError):
            complete("op", table, bad)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_words_for_the_report(name):
    row = OPERATIONS[name]
    shown = {p.name: 1.0 if p.kind in ("number", "integer") else "x" for p in row.parameters}
    words = row.words(shown)
    assert words.endswith(".")
    assert "{" not in words


ASKING = {
    "name": "asking",
    "steps": [{"id": "plain", "operation": "extract-mesh", "inputs": {"volume": "source"}}],
    "questions": [{"step": "plain", "parameter": "level", "help": "where the surface lies", "example": 200}],
}


def test_a_recipe_says_what_it_asks_for_and_runs_once_that_is_answered():
    asking = parse_recipe(ASKING)
    with pytest.raises(RecipeError, match=r"asks for plain\.level: where the surface lies, such as --set"):
        check_recipe(asking)
    answered = answer(asking, {"plain.level": 300.0})
    check_recipe(answered)
    assert answered.steps[0].parameters == {"level": 300.0}
    assert parse_recipe(json.loads(json.dumps(recipe_to_json(asking)))) == asking


def test_an_answer_to_no_step_is_refused():
    with pytest.raises(RecipeError, match="has no step 'plane'; it has: plain"):
        answer(parse_recipe(ASKING), {"plane.level": 1.0})


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (Parameter("a", "number", 0.0, ""), "1.5", 1.5),
        (Parameter("a", "integer", 0, ""), "3", 3),
        (Parameter("a", "boolean", False, ""), "true", True),
        (Parameter("a", "text", "x", "", choices=("x", "3")), "3", "3"),
        (Parameter("a", "numbers", (), "", count=3, repeated=True), "[[1, 2, 3], [4,5,6]]", [1.0, 2, 3, 4, 5, 6]),
        (Parameter("a", "numbers", (), "", count=3), "1,2,-3.5", [1.0, 2.0, -3.5]),
        (Parameter("a", "names", (), ""), "left femur, right femur", ["left femur", "right femur"]),
    ],
)
def test_a_parameter_is_read_from_text(parameter, text, value):
    assert parameter.parsed(text) == value


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Parameter("a", "number", 0.0, ""), "many"),
        (Parameter("a", "number", 0.0, ""), "nan"),
        (Parameter("a", "integer", 0, ""), "3.5"),
        (Parameter("a", "boolean", False, ""), "1"),
        (Parameter("a", "numbers", (), "", count=3), "1,2"),
        (Parameter("a", "numbers", (), "", count=3), "1,two,3"),
    ],
)
def test_a_text_that_says_no_such_value_is_refused(parameter, text):
    with pytest.raises(ParameterError, match="parameter 'a' is"):
        parameter.parsed(text)
