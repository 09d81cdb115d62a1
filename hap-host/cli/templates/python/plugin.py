"""Hap New Name: a bell that counts how often it rang. Put your own device in its place."""

import threading
import time

import hap

# Seconds between two strokes.
PAUSE = 0.4


class Bell(hap.Plugin):
    def __init__(self, emit):
        super().__init__(emit)
        self._lock = threading.Lock()
        self._rung = 0
        self.configure({})

    def configure(self, settings):
        fields = hap.Fields(settings, "invalid_config")
        volume = fields.whole_number("volume", 0, 100, default=50)
        fields.end()
        # All of it is checked before any of it is in force.
        self._volume = volume

    def status(self):
        return {"rung": self._rung, "volume": self._volume}

    def ring(self, params):
        fields = hap.Fields(params, "invalid_params")
        times = fields.whole_number("times", 1, 10, default=1)
        fields.end()
        for stroke in range(times):
            if stroke:
                time.sleep(PAUSE)
            # Here the bell is struck, as loud as self._volume says.
        with self._lock:
            self._rung += times
        self.emit("bell.rung", {"times": times, "volume": self._volume})
        return f"rang {times} times" if times > 1 else "rang once"

    def reset(self, params):
        hap.Fields(params, "invalid_params").end()
        with self._lock:
            self._rung = 0
        return "counting from 0"

    commands = {"ring": ring, "reset": reset}


if __name__ == "__main__":
    hap.run(Bell)
