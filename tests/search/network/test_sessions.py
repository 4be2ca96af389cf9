import numpy as np

from spl_onnx.predictors.site_settings import SiteSettings
from spl_onnx.search.network.sessions import SegmentSessions
from spl_onnx.search.network.variants import site_weights
from spl_onnx.search.settings import EXACT, Setting
from tests.search.network.networks import base, sequential

FLOOR = Setting("truncate", SiteSettings(floor=0.1))


def network_and_place():
    network = SegmentSessions(base(sequential()), threads=1)
    return network, next(i for i, segment in enumerate(network.segments) if segment.site is not None)


def test_a_session_stays_while_nothing_changes(plugin_path):
    network, i = network_and_place()
    assert network.session(i, FLOOR) is network.session(i, Setting("truncate", SiteSettings(floor=0.1)))


def test_another_setting_or_shift_replaces_it(plugin_path):
    network, i = network_and_place()
    outputs = len(site_weights(network.segments[i].model)[0])
    shifts = [np.full(outputs, value, np.float32) for value in (0.1, 0.2)]
    found = [network.session(i, EXACT), network.session(i, FLOOR)]
    found += [network.session(i, FLOOR, shift) for shift in shifts]
    assert len({id(session) for session in found}) == 4
    assert network.session(i, FLOOR, shifts[1].copy()) is found[3]
    assert len(network) == 1


def test_closed_sessions_are_made_again(plugin_path):
    network, i = network_and_place()
    network.session(i, EXACT)
    network.close()
    assert len(network) == 0
    assert network.session(i, EXACT) is not None
