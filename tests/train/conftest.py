import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Steps of microseconds gain nothing from threads, and tests run beside each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
