"""The nemesis: injects faults into clients, connections and the server, alone and together, by a seeded schedule."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.processes import Processes, freeze, kill
from tests.chaos.proxy import Link, Predicate, Proxy
from tests.chaos.server import Server

# Some kinds may find nothing to hit for a while, as on a slow machine.
ALL_KINDS_SECONDS = 300
AT_COMMIT_SECONDS = 3
# After these, the server is down for seconds.
RARE = {"stop_server", "kill_server", "kill_backend", "kill_backend_at_commit"}


class Nemesis:
    """Injects faults. Each public method but `run` is a kind; it returns how often it hit, which `injected` counts."""

    def __init__(self, seed: str, server: Server, proxy: Proxy, processes: Processes) -> None:
        self._random = random.Random(f"{seed} nemesis")
        self._server, self._proxy, self._processes = server, proxy, processes
        self.injected: Counter[str] = Counter()

    def run(self, kinds: list[str], seconds: float) -> None:
        """Inject faults of these kinds for some seconds, and until each kind has hit something."""
        end = time.monotonic() + seconds
        for together in self._schedule(kinds):
            complete = all(self.injected[kind] for kind in kinds)
            if time.monotonic() > (end if complete else end + ALL_KINDS_SECONDS):
                return
            time.sleep(self._random.uniform(0.1, 0.8))
            rngs = [random.Random(self._random.random()) for _ in together]
            with ThreadPoolExecutor() as threads:
                hits = threads.map(lambda kind, rng: getattr(self, kind)(rng), together, rngs)
                self.injected.update(dict(zip(together, map(int, hits), strict=True)))
            self._server.recover()

    def _schedule(self, kinds: list[str]) -> Iterator[list[str]]:
        """Yield the kinds to inject together: first each alone, then random ones, with those that have not hit yet."""
        yield from ([kind] for kind in self._random.sample(kinds, len(kinds)))
        weights = [1 if kind in RARE else 4 for kind in kinds]
        while True:
            (count,) = self._random.choices([1, 2, 3, 4], [50, 25, 15, 10])
            missing = [kind for kind in kinds if not self.injected[kind]]
            yield [*dict.fromkeys(self._random.choices(kinds, weights, k=count) + missing[:1])]

    def kill_clients(self, rng: random.Random) -> int:
        return sum(kill(process) for process in self._processes.ids() if rng.random() < 0.5)

    def terminate_backends(self, rng: random.Random) -> int:
        share = rng.choice([0.1, 0.5, 1])
        return sum(self._server.terminate(backend) for backend in self._server.backends() if rng.random() < share)

    def cut_connections(self, rng: random.Random) -> int:
        """Cut connections, and sometimes refuse new ones for a while."""
        share, reset = rng.choice([0.2, 0.5, 1]), rng.random() < 0.5
        self._proxy.refusing = rng.random() < 0.3
        hits = self._on_links(share, rng, lambda link: link.cut(reset=reset))
        time.sleep(rng.uniform(0, 0.5))
        self._proxy.refusing = False
        return hits

    def half_close(self, rng: random.Random) -> int:
        towards_server = rng.random() < 0.5
        return self._on_links(0.5, rng, lambda link: link.half_close(towards_server=towards_server))

    def delay(self, rng: random.Random) -> int:
        """Delay all messages for a while, and stall some connections."""
        self._proxy.delay = rng.choice([0.005, 0.02, 0.1])
        hits = self._on_links(0.3, rng, lambda link: link.stall(1))
        time.sleep(rng.uniform(0.5, 2))
        self._proxy.delay = 0
        return hits

    def swallow(self, rng: random.Random) -> int:
        """Stall connections for a while, and then cut them."""
        seconds = rng.uniform(0.2, 3)
        return self._on_links(0.5, rng, lambda link: (link.stall(seconds), threading.Timer(seconds, link.cut).start()))

    def stop_server(self, rng: random.Random) -> int:
        """Stop the server in immediate mode, and start it again."""
        return self._server.restart(signal.SIGQUIT, rng.uniform(0, 0.5))

    def kill_server(self, rng: random.Random) -> int:
        return self._server.restart(signal.SIGKILL, rng.uniform(0, 0.5))

    def kill_backend(self, rng: random.Random) -> int:
        """Kill a backend; the server then restarts all others."""
        return kill(rng.choice([*self._server.backends()] or [None]))

    def freeze(self, rng: random.Random) -> int:
        """Freeze clients and backends, or the postmaster."""
        processes = [*self._processes.ids(), *self._server.backends()]
        if rng.random() < 0.1:
            return freeze(self._server.postmaster(), rng)
        return sum(freeze(process, rng) for process in processes if rng.random() < 0.3)

    def cut_at_commit(self, rng: random.Random) -> int:
        return self._at_commits(rng, lambda link: link.cut(reset=rng.random() < 0.5))

    def terminate_at_commit(self, rng: random.Random) -> int:
        return self._at_commits(rng, lambda link: self._server.terminate(link.backend))

    def kill_backend_at_commit(self, rng: random.Random) -> int:
        return self._at_commits(rng, lambda link: kill(link.backend), most=1)

    def freeze_at_commit(self, rng: random.Random) -> int:
        def frozen(link: Link) -> int | None:
            return rng.choice([link.backend, self._processes.id(link.client_name)]) or link.backend

        return self._at_commits(rng, lambda link: freeze(frozen(link), rng))

    def kill_client_at_commit(self, rng: random.Random) -> int:
        def runs(link: Link) -> bool:
            return bool(self._processes.id(link.client_name))

        return self._at_commits(rng, lambda link: (kill(self._processes.id(link.client_name)), link.cut()), runs)

    def _on_links(self, share: float, rng: random.Random, action: Callable[[Link], object]) -> int:
        """Run an action on a share of the connections, and return on how many."""
        links = [link for link in [*self._proxy.links] if rng.random() < share]
        for link in links:
            action(link)
        return len(links)

    def _at_commits(
        self, rng: random.Random, action: Callable[[Link], object], predicate: Predicate = lambda _: True, most: int = 8
    ) -> int:
        """Run an action at some of the next COMMITs, and return at how many; waits for them only for a while."""
        hits: list[Link] = []
        count = rng.randint(1, most)

        def at_commit(link: Link, commit: bytes) -> None:
            hits.append(link)
            moment = rng.choice(["before", "during", "instead of the answer", "late"])
            if moment == "late":
                # The COMMIT waits in some buffer on the way, when the client's connection has long been closed.
                link.half_close(towards_server=False)
                time.sleep(rng.choice([0.05, 0.5, 3]) * rng.random())
            if moment != "before":
                link.to_server(commit, hold_answer=moment != "during")
            action(link)
            if moment == "before":
                link.to_server(commit)
            link.pass_answers()

        with self._proxy.at_next_commits(at_commit, predicate, count):
            end = time.monotonic() + AT_COMMIT_SECONDS
            while len(hits) < count and time.monotonic() < end:
                time.sleep(0.01)
        return len(hits)


FAULTS = [name for name in vars(Nemesis) if not name.startswith("_") and name != "run"]
