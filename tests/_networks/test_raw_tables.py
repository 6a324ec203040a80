"""Raw tables go in: gaps, categories and types of every library, through every method of a network."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)
from sknnk._networks import table_encoder

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

FIXED = {"activation": "gaussian", "length_scale": 2.0, "alpha": 0.01, "random_state": 0}


def table(n_rows=160, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n_rows)
    size[rng.random(n_rows) < 0.2] = np.nan
    return pandas.DataFrame(
        {
            "size": size,
            "colour": rng.choice(["red", "green", "blue", None], n_rows),
            "grade": pandas.Categorical(
                rng.choice(["low", "mid", "high"], n_rows), ["low", "mid", "high"], ordered=True
            ),
            "new": rng.random(n_rows) < 0.5,
        }
    )


X = table()
Y = (
    np.nan_to_num(X["size"].to_numpy(), nan=2.0)
    + 2.0 * (X["colour"] == "red").to_numpy()
    + X["grade"].cat.codes.to_numpy()
)
FITTED = BundledNetworkRegressor(16, **FIXED).fit(X, Y)


def test_text_gaps_and_booleans_are_learned_from():
    later = table(100, seed=1)
    expected = np.nan_to_num(later["size"], nan=2.0) + 2.0 * (later["colour"] == "red") + later["grade"].cat.codes
    assert BundledNetworkRegressor(random_state=0).fit(X, Y).score(later, expected) > 0.97


@pytest.mark.parametrize("convert", [polars.from_pandas, pandas.DataFrame.convert_dtypes, polars.DataFrame])
def test_the_same_table_of_another_library_is_predicted_alike(convert):
    plain = X.assign(grade=X["grade"].astype(str))
    model = clone(FITTED).fit(plain, Y)
    np.testing.assert_allclose(model.predict(convert(plain)), model.predict(plain), rtol=1e-12)
    np.testing.assert_allclose(clone(FITTED).fit(convert(plain), Y).predict(plain), model.predict(plain), rtol=1e-9)


def test_an_array_with_gaps_is_predicted_as_a_data_frame_with_them():
    array = np.column_stack([X["size"], X["new"]]).astype(float)
    frame = pandas.DataFrame(array, columns=["size", "new"]).convert_dtypes()
    model = clone(FITTED).fit(array, Y)
    np.testing.assert_allclose(clone(FITTED).fit(frame, Y).predict(frame), model.predict(array))
    assert model.feature_importances_.shape == (2,)
    # One row takes a path of its own.
    np.testing.assert_allclose(model.predict(array[:1]), model.predict(array)[:1])


def test_complete_arrays_are_fitted_as_if_nothing_could_be_missing():
    numbers = np.random.default_rng(0).normal(size=(60, 3))
    model = clone(FITTED).fit(numbers, Y[:60])
    assert table_encoder(model)(numbers) is numbers
    gaps = numbers[:5].copy()
    gaps[0, 1] = np.nan
    filled = gaps.copy()
    filled[0, 1] = np.sort(numbers[:, 1])[29]  # the middle of the fit
    np.testing.assert_array_equal(model.predict(gaps), model.predict(filled))


@pytest.mark.parametrize("network", [BundledNetworkRegressor, BundledNetworkClassifier])
def test_infinity_stays_an_error(network):
    bad = X.assign(size=np.inf)
    y = (Y > 1.0).astype(int)
    with pytest.raises(ValueError, match="contains infinity"):
        network(16, **FIXED).fit(bad, y)
    with pytest.raises(ValueError, match="contains infinity"):
        network(16, **FIXED).fit(X, y).predict(bad)


def test_every_method_takes_what_was_not_there_in_the_fit():
    labels = np.where(Y > 1.0, "large", "small")
    classifier = BundledNetworkClassifier(16, **FIXED).fit(X, labels)
    later = pandas.DataFrame({"size": [np.nan], "colour": ["pink"], "grade": [None], "new": [None]})
    for outputs in (
        FITTED.predict(later),
        FITTED.predict_interval(later),
        FITTED.transform(later),
        classifier.predict_proba(later),
        classifier.decision_function(later),
    ):
        assert np.isfinite(outputs).all()


def test_text_in_an_array_is_named_in_fit_and_in_predict():
    mixed = np.array([[1.0, "red"], [2.0, "blue"]] * 10, dtype=object)
    network = BundledNetworkRegressor(4, activation="gaussian", alpha=1.0, random_state=0)
    for estimator in (network, BundledNetworkRegressorCV(4, cv=2)):
        with pytest.raises(
            ValueError, match=r"X holds text in the column 1; add the positions of categories to categorical_features"
        ):
            estimator.fit(mixed, np.arange(20.0))
    network.fit(np.ones((20, 2)), np.arange(20.0))
    with pytest.raises(ValueError, match=r"X holds text in the column 1; convert it as for the fit"):
        network.predict(mixed)
    network.set_params(categorical_features=[1]).fit(mixed, np.arange(20.0)).predict(mixed)
    with pytest.raises(ValueError, match=r"X holds text in the column 1; URFSampler takes numbers alone"):
        URFSampler(n_components=4).fit(mixed)


def test_dates_are_refused_and_what_no_number_is_meant_to_be():
    with pytest.raises(TypeError, match="dates or times in the column 'sold'"):
        clone(FITTED).fit(X.assign(sold=pandas.Timestamp("2026-01-01")), Y)
    with pytest.raises(ValueError, match=r"'colour', 'grade'; set categorical_features='from_dtype'"):
        clone(FITTED).set_params(categorical_features=None).fit(X, Y)
    codes = np.column_stack([np.arange(160) % 3, Y])
    model = clone(FITTED).set_params(categorical_features=[0]).fit(codes, Y)
    assert table_encoder(model)(codes).shape == (160, 4)


def test_arrow_tables_go_in():
    arrow = pytest.importorskip("pyarrow").Table.from_pandas(X)
    np.testing.assert_allclose(FITTED.predict(arrow), FITTED.predict(X))
    numbers = arrow.select(["size"])
    assert np.isfinite(clone(FITTED).fit(numbers, Y).predict(numbers)).all()


def test_names_and_order_of_columns_are_those_of_the_fit():
    assert FITTED.feature_names_in_.tolist() == list(X) and FITTED.n_features_in_ == 4
    with pytest.raises(ValueError, match="must be in the same order"):
        FITTED.predict(X[["colour", "size", "grade", "new"]])
    with pytest.raises(ValueError, match="a_b"):
        FITTED.predict(X.rename(columns={"size": "a_b"}))
    with pytest.raises(ValueError, match="unique column names"):
        clone(FITTED).fit(pandas.concat([X, X], axis=1), Y)


def test_importances_are_those_of_raw_columns():
    known = X.assign(colour=X["colour"].fillna("none"))  # scikit-learn sorts the values on the axis of an effect
    model = BundledNetworkRegressor(random_state=0).fit(known, Y)
    shares = model.feature_importances_
    assert shares.shape == (4,) and shares.sum() == pytest.approx(1.0)
    assert shares.argmin() == 3
    permuted = permutation_importance(model, known, Y, n_repeats=2, random_state=0).importances_mean
    assert permuted.argmin() == 3
    effect = partial_dependence(model, known, ["colour"], categorical_features=["colour"])
    values = dict(zip(effect["grid_values"][0], effect["average"][0], strict=True))
    assert values["red"] - values["blue"] == pytest.approx(2.0, abs=0.2)


def test_files_clones_and_outputs_as_frames_know_the_table():
    again = pickle.loads(pickle.dumps(FITTED))
    np.testing.assert_array_equal(again.predict(X), FITTED.predict(X))
    np.testing.assert_array_equal(clone(FITTED).fit(X, Y).predict(X), FITTED.predict(X))
    frame = clone(FITTED).set_output(transform="pandas").fit(X, Y).transform(X)
    assert list(frame) == FITTED.get_feature_names_out().tolist()
    assert len(frame.columns) == len(FITTED.output_coef_)


def test_networks_with_tables_are_searched_over():
    grid = GridSearchCV(BundledNetworkRegressor(8, **FIXED), {"alpha": [0.1, 1.0]}, cv=3).fit(X, Y)
    assert grid.score(X, Y) > 0.5
    assert cross_val_score(FITTED, X, Y, cv=3).min() > 0.5


def test_chunks_share_the_categories_of_the_first_one():
    model = clone(FITTED).partial_fit(X[:100], Y[:100]).partial_fit(X[100:], Y[100:])
    encoder = table_encoder(model)
    later = X[:3].assign(colour="pink")
    np.testing.assert_array_equal(encoder(encoder.reader(later))[:, -4:], np.zeros((3, 4)))
    assert model.n_samples_seen_ == len(X) and model.score(X, Y) > 0.8


def test_a_weight_of_zero_leaves_a_row_out_with_its_categories():
    odd = X.assign(colour=np.where(np.arange(len(X)) < 5, "odd", X["colour"].astype(object)))
    weight = (np.arange(len(X)) >= 5).astype(float)
    model, without = clone(FITTED).fit(odd, Y, weight), clone(FITTED).fit(odd[5:], Y[5:])
    np.testing.assert_allclose(model.predict(odd), without.predict(odd))


def test_a_length_scale_for_each_raw_column_is_accepted():
    model = clone(FITTED).set_params(length_scale=[1.0, 2.0, 3.0, 4.0]).fit(X, Y)
    assert sorted(set(model.length_scale_)) == [1.0, 2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match=r"length_scale has the shape \(2,\), and X has 4 columns"):
        model.set_params(length_scale=[1.0, 2.0]).fit(X, Y)


def test_several_targets_share_the_columns():
    model = clone(FITTED).fit(X, np.column_stack([Y, -Y]))
    np.testing.assert_allclose(model.predict(X), np.column_stack([FITTED.predict(X), -FITTED.predict(X)]), atol=1e-6)


@pytest.mark.parametrize("classify", [False, True])
def test_nothing_is_learned_of_permuted_targets_from_a_category_of_many_values(classify):
    rng = np.random.default_rng(0)
    city = pandas.DataFrame({"city": [f"city {i}" for i in rng.integers(300, size=1200)]})
    y = rng.normal(size=1200)
    network = BundledNetworkClassifier if classify else BundledNetworkRegressor
    y, model = (y > 0.0).astype(int) if classify else y, network(random_state=0, n_components=32, activation="gaussian")
    score = model.fit(city[:600], y[:600]).score(city[600:], y[600:])
    assert score < (0.55 if classify else 0.005)


def test_a_category_of_many_values_tells_what_its_rows_have_in_common():
    rng = np.random.default_rng(0)
    effect, city = rng.normal(size=5000), rng.integers(5000, size=20_000) ** 2 // 5000
    X = pandas.DataFrame({"city": city.astype(str)})
    y = effect[city] + 0.1 * rng.normal(size=len(city))
    model = BundledNetworkRegressor(64, **FIXED).fit(X[:18_000], y[:18_000])
    assert len(set(X["city"])) > 2500
    assert model.score(X[18_000:], y[18_000:]) > 0.95
    # 18,000 rows afford coordinates of 222 values. They are columns of the direct link, too.
    assert model.transform(X[:2]).shape[1] <= 64 + 222 + 3


def test_a_category_of_many_values_may_change_the_effect_of_another_column():
    rng = np.random.default_rng(0)
    slope, city, x = rng.normal(size=45), rng.integers(45, size=1000), rng.normal(size=1000)
    frame = pandas.DataFrame({"city": [f"city {i}" for i in city], "x": x})
    y = slope[city] * x
    model = BundledNetworkRegressor(input_transform="robust", random_state=0).fit(frame[:700], y[:700])
    assert model.score(frame[700:], y[700:]) > 0.75


@pytest.mark.parametrize("sampler", [URFSampler(), ArcCosineSampler()])
def test_samplers_take_numbers_and_say_what_to_do(sampler):
    with pytest.raises(ValueError, match=f"'colour', 'grade'; {type(sampler).__name__} takes numbers.*OneHotEncoder"):
        clone(sampler).fit(X)
    encoded = make_column_transformer((OneHotEncoder(), ["colour", "grade"]), remainder="passthrough")
    assert make_pipeline(encoded, sampler).fit_transform(X[["colour", "grade", "new"]]).shape[0] == len(X)
    with pytest.raises(TypeError, match="dates or times in the column 'day'"):
        clone(sampler).fit(pandas.DataFrame({"day": pandas.to_datetime(["2026-01-01"])}))


CELLS = {
    "number": st.sampled_from([0.0, -1.5, 1e6, None]),
    "text": st.sampled_from(["a", "b", "", "c", None]),
    "numbers as text": st.sampled_from(["1", "2", "02"]),
    "flag": st.sampled_from([True, False, None]),
    "boolean": st.sampled_from([True, False, pandas.NA]),
    "nullable": st.sampled_from([1, 2, 3, pandas.NA]),
    "objects": st.sampled_from([1, 2.5, True, None]),
    "category": st.sampled_from([3, 7, None]),
    "missing": st.none(),
    "one value": st.just("same"),
    "one number": st.just(3),
    "mixed": st.sampled_from([1, "a"]),
}
DTYPES = {"nullable": "Int64", "boolean": "boolean", "category": "category"}
OBJECTS = ("flag", "objects", "mixed")
OTHERS = [polars.from_pandas, pandas.DataFrame.convert_dtypes]


@settings(max_examples=20, deadline=None)
@given(kinds=st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4), data=st.data())
def test_a_table_of_any_cells_is_fitted_and_predicted_or_refused_by_name(kinds, data):
    columns = {}
    for kind in kinds:
        values = data.draw(st.lists(CELLS[kind], min_size=12, max_size=12))
        values[:2] = [1, "a"] if kind == "mixed" else values[:2]
        dtype = object if kind in OBJECTS else DTYPES.get(kind)
        columns[f"x{len(columns)}"] = pandas.Series(values, dtype=dtype)
    frame, model = pandas.DataFrame(columns), BundledNetworkRegressor(4, **FIXED)
    if "mixed" in kinds:
        with pytest.raises(TypeError, match=f"column 'x{kinds.index('mixed')}' of X mixes text and other values"):
            model.fit(frame[:8], np.arange(8.0))
        return
    predictions = model.fit(frame[:8], np.arange(8.0)).predict(frame)
    assert np.isfinite(predictions).all()
    nothing = pandas.DataFrame({name: [None] for name in frame}, dtype=object)
    assert np.isfinite(model.predict(nothing)).all()
    for convert in OTHERS if not set(kinds) & {"objects", "category"} else OTHERS[1:]:  # these have no type in polars
        np.testing.assert_allclose(model.predict(convert(frame)), predictions, rtol=1e-9, atol=1e-12)
