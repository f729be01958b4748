"""A Locust user that posts a random recorded payload, read from its file for each request, as the program's load test does, without its waits."""

import json
import os
import random

from locust import HttpUser, task

FOLDER = os.environ["PAYLOADS"]
NAMES = sorted(os.listdir(FOLDER))


class BlockProducer(HttpUser):
    @task
    def submit(self):
        with open(os.path.join(FOLDER, random.choice(NAMES)), encoding="utf-8") as file:
            payload = json.load(file)
        self.client.post("/v1/submit", json=payload)
