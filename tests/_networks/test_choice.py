import numpy as np

from sknnk._networks.choice import NetworkChoice


def test_attributes_are_what_was_chosen_of_the_first_layer():
    choice = NetworkChoice((4, 8), "sin", None, "isotropic", 2.0, "robust", [("kernel", 9)], np.ones(1), seed=3)
    found = choice.attributes()
    assert found["n_components_"] == (4, 8) and found["activation_"] == "sin" and found["directions_"] is None
    assert found["length_scale_"] == 2.0 and found["input_transform_"] == "robust"
    assert found["search_history_"] == [("kernel", 9)] and found["frequencies_"] == "isotropic"
    assert "seed_" not in found
