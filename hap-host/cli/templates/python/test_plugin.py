"""python3 -m unittest"""

import json
import unittest
from pathlib import Path

import hap
from plugin import Bell


class BellTest(unittest.TestCase):
    def setUp(self):
        self.events = []
        self.bell = Bell(lambda kind, data: self.events.append((kind, data)))

    def test_a_ring_is_counted_and_told_to_the_platform(self):
        self.bell.configure({"volume": 30})
        self.assertEqual(self.bell.ring({"times": 2}), "rang 2 times")
        self.assertEqual(self.bell.ring({}), "rang once")
        self.assertEqual(self.bell.status(), {"rung": 3, "volume": 30})
        self.assertEqual(self.events[0], ("bell.rung", {"times": 2, "volume": 30}))

    def test_a_reset_begins_to_count_anew(self):
        self.bell.ring({})
        self.bell.reset({})
        self.assertEqual(self.bell.status()["rung"], 0)

    def test_parameters_that_do_not_fit_are_refused_by_name(self):
        for params in ({"times": 0}, {"times": "often"}, {"times": True}, {"time": 1}):
            with self.assertRaisesRegex(hap.Refusal, "`time"):
                self.bell.ring(params)
        self.assertEqual(self.events, [])

    def test_refused_settings_change_nothing(self):
        self.bell.configure({"volume": 30})
        for settings in ({"volume": 101}, {"loudness": 3}, [], None):
            with self.assertRaises(hap.Refusal):
                self.bell.configure(settings)
        self.assertEqual(self.bell.status()["volume"], 30)
        self.bell.configure({})
        self.assertEqual(self.bell.status()["volume"], 50)


class FilesTest(unittest.TestCase):
    def test_the_manifest_tells_the_settings_and_their_default(self):
        manifest = json.loads(Path(__file__).with_name("manifest.json").read_text())
        bell = Bell(lambda *_: None)
        for name, schema in manifest["config_schema"]["properties"].items():
            self.assertEqual(bell.status()[name], schema["default"])

    def test_a_signature_is_that_of_the_protocol(self):
        secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
        signature = hap.sign(secret, "msg-1", "1700000000", b'{"type":"motion"}')
        self.assertEqual(signature, "v1,3EVQ5yS/Ox9uhRbDdLrS+Bm/Swq3+vGLQGpCICxc34Q=")


if __name__ == "__main__":
    unittest.main()
