"""A Locust user that posts random recorded payloads, as the program's load test does, without its waits."""

import json
import os
import random

from locust import HttpUser, task

with open(os.environ["PAYLOADS"], encoding="utf-8") as file:
    PAYLOADS = json.load(file)


class BlockProducer(HttpUser):
    @task
    def submit(self):
        self.client.post("/v1/submit", json=random.choice(PAYLOADS))
