import numpy as np

from sknnk._losses import Logistic, Softmax


def test_two_classes_cost_the_same_with_one_logit_and_with_two():
    rng = np.random.default_rng(0)
    F, Y = rng.normal(size=(20, 1)), np.sign(rng.normal(size=(20, 1)))
    both = Softmax().values(np.hstack([-Y, Y]), np.hstack([-F / 2.0, F / 2.0]))
    np.testing.assert_allclose(Logistic().values(Y, F), both, rtol=1e-12)


def test_a_constant_added_to_all_logits_changes_nothing():
    rng = np.random.default_rng(0)
    F, Y = rng.normal(size=(20, 3)), np.where(np.eye(3)[rng.integers(0, 3, 20)] > 0.0, 1.0, -1.0)
    np.testing.assert_allclose(Softmax().values(Y, F), Softmax().values(Y, F + 100.0), rtol=1e-9)
