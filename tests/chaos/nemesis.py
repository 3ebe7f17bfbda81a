"""What goes wrong, alone and together, by a seeded schedule: clients, connections and servers that die at bad moments."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.chaos.callers import Processes
from tests.chaos.freezing import freeze
from tests.chaos.proxy import Link, Proxy, Strike
from tests.chaos.server import Server

# Some kinds may find nothing to strike at for a while, as on a slow machine.
ALL_STRUCK_PATIENCE_SECONDS = 300
COMMIT_PATIENCE_SECONDS = 3
LONGEST_DOWN_SECONDS = 0.5
FROZEN_SECONDS = (0.1, 3)

Fault = Callable[["Nemesis", random.Random], int]


class Nemesis:
    """Strikes at the server, at the proxy's connections and at the clients' processes, and counts what it hit."""

    def __init__(
        self, seed: str, server: Server, proxy: Proxy, processes: Processes, expire_tenfold: Callable[[], int]
    ) -> None:
        self._random = random.Random(f"{seed} nemesis")
        self._server = server
        self._proxy = proxy
        self._processes = processes
        self._expire_tenfold = expire_tenfold
        self._lock = threading.Lock()
        self.struck: Counter[str] = Counter()

    def run(self, kinds: list[str], seconds: float) -> None:
        """Let faults of these kinds strike for so long, and until each of them has struck."""
        end = time.monotonic() + seconds
        give_up_at = end + ALL_STRUCK_PATIENCE_SECONDS
        for together in self._rounds(kinds):
            now = time.monotonic()
            if now > give_up_at or (now > end and all(self.struck[kind] for kind in kinds)):
                return
            time.sleep(self._random.uniform(0.1, 0.8))
            self._strike(together)
            self._server.heal()

    def _rounds(self, kinds: list[str]) -> Iterator[list[str]]:
        """Yield what strikes together: each kind alone at first, then by chance, then again what has not struck yet."""
        yield from ([kind] for kind in self._random.sample(kinds, len(kinds)))
        while True:
            count = self._random.choices([1, 2, 3, 4], [50, 25, 15, 10])[0]
            chosen = self._random.choices(kinds, [_WEIGHTS.get(kind, 4) for kind in kinds], k=count)
            yield [*dict.fromkeys(chosen)]
            missing = [kind for kind in kinds if not self.struck[kind]]
            if missing:
                yield [self._random.choice(missing)]

    def _strike(self, kinds: list[str]) -> None:
        failures: list[BaseException] = []

        def strike(kind: str, chosen: random.Random) -> None:
            try:
                hits = FAULTS[kind](self, chosen)
            except BaseException as failure:
                failures.append(failure)
                return
            with self._lock:
                self.struck[kind] += hits

        threads = [
            threading.Thread(target=strike, args=[kind, random.Random(self._random.random())], name=kind, daemon=True)
            for kind in kinds
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def kill_clients(self, chosen: random.Random) -> int:
        """Kill processes of clients, at any moment or while their COMMIT is under way."""
        if chosen.random() < 0.5:
            hits = 0
            for _ in range(chosen.randint(1, 6)):
                hits += self._processes.kill_any(chosen)
                time.sleep(chosen.uniform(0, 0.3))
            return hits

        def killed(link: Link, commit: bytes) -> None:
            self._processes.kill(link.client_name)
            # What a process has sent still arrives, perhaps after it was repeated; or it dies a moment earlier.
            if chosen.random() < 0.7:
                link.stall(chosen.choice([0, chosen.random()]))
                link.to_server(commit)
                link.await_answer()
            link.cut(reset=True)

        return self._at_commits(killed, chosen.randint(1, 3), wanted=lambda link: link.client_name in self._processes)

    def end_connections(self, chosen: random.Random) -> int:
        """End connections as an administrator does: one, some or all."""
        share = chosen.choice([0.1, 0.5, 1])
        return sum(
            self._server.end_connection(backend) for backend in self._server.backends() if chosen.random() < share
        )

    def end_at_commit(self, chosen: random.Random) -> int:
        """End a connection as an administrator does: before its COMMIT arrives, while it is done, or instead of its answer."""

        def ended(link: Link, commit: bytes) -> None:
            moment = chosen.choice(["before", "meanwhile", "instead"])
            if moment != "before":
                link.to_server(commit)
            if moment == "instead":
                link.await_answer()
            if link.backend:
                self._server.end_connection(link.backend)
            if moment == "before":
                link.to_server(commit)

        return self._at_commits(ended, chosen.randint(1, 5))

    def cut_at_commit(self, chosen: random.Random) -> int:
        """Cut a connection at its COMMIT: before it arrives, after it was done, while it is done, or long before it arrives."""

        def cut(link: Link, commit: bytes) -> None:
            reset = chosen.random() < 0.5
            match chosen.choice(["before", "after", "meanwhile", "late", "late"]):
                case "before":
                    pass
                case "after":
                    link.to_server(commit)
                    link.await_answer()
                case "meanwhile":
                    link.to_server(commit)
                case "late":
                    # On its way in some buffer, while the client has long since been cut off.
                    link.leave_client(reset=reset)
                    link.stall(chosen.choice([0.05, 0.5, 3]) * chosen.random())
                    link.to_server(commit)
                    link.await_answer()
            link.cut(reset=reset)

        return self._at_commits(cut, chosen.randint(1, 12))

    def cut_connections(self, chosen: random.Random) -> int:
        """Cut connections at any moment, and for a moment let nobody connect."""
        share, reset = chosen.choice([0.2, 0.5, 1]), chosen.random() < 0.5
        self._proxy.refusing = chosen.random() < 0.3
        hits = self._order(share, chosen, lambda link: link.cut(reset=reset))
        time.sleep(chosen.uniform(0, 0.5))
        self._proxy.refusing = False
        return hits

    def half_close(self, chosen: random.Random) -> int:
        """Let one direction of connections end, while the other stays open."""
        towards_server = chosen.random() < 0.5
        return self._order(0.5, chosen, lambda link: link.half_close(towards_server=towards_server))

    def delay(self, chosen: random.Random) -> int:
        """Let everything take longer for a while, and some connections stand still."""
        self._proxy.delay = chosen.choice([0.005, 0.02, 0.1])
        hits = self._order(0.3, chosen, lambda link: link.stall(1))
        time.sleep(chosen.uniform(0.5, 2))
        self._proxy.delay = 0
        return hits

    def swallow(self, chosen: random.Random) -> int:
        """Let everything vanish for a while on some connections, which then break."""
        seconds = chosen.uniform(0.2, 3)
        return self._order(0.5, chosen, lambda link: link.swallow(seconds))

    def stop_server(self, chosen: random.Random) -> int:
        """Stop the server at once, and start it again."""
        return self._server.stop_at_once(chosen.uniform(0, LONGEST_DOWN_SECONDS))

    def kill_server(self, chosen: random.Random) -> int:
        """Kill the server's main process, and start it again."""
        return self._server.kill(chosen.uniform(0, LONGEST_DOWN_SECONDS))

    def kill_backend(self, chosen: random.Random) -> int:
        """Kill a process of the server, at any moment or while it commits; the server recovers by itself."""
        if chosen.random() < 0.5:
            backends = self._server.backends()
            return bool(backends) and self._server.kill_backend(chosen.choice(backends))

        def killed(link: Link, commit: bytes) -> None:
            link.to_server(commit)
            if link.backend:
                self._server.kill_backend(link.backend)

        return self._at_commits(killed, 1)

    def freeze(self, chosen: random.Random) -> int:
        """Let processes stand still and then go on: clients and what serves them, or the one that lets clients in."""
        if chosen.random() < 0.1:
            main_process = self._server.main_process()
            return main_process is not None and freeze(main_process, chosen.uniform(*FROZEN_SECONDS))
        if chosen.random() < 0.5:
            share = chosen.choice([0.1, 0.3, 1])
            clients = [name for name in self._processes.names() if chosen.random() < share]
            backends = [backend for backend in self._server.backends() if chosen.random() < share]
            return sum(
                [self._processes.freeze(name, chosen.uniform(*FROZEN_SECONDS)) for name in clients]
                + [freeze(backend, chosen.uniform(*FROZEN_SECONDS)) for backend in backends]
            )

        def frozen(link: Link, commit: bytes) -> None:
            seconds = chosen.uniform(*FROZEN_SECONDS)
            before = chosen.random() < 0.5
            if not before:
                link.to_server(commit)
            if chosen.random() < 0.5 and link.client_name in self._processes:
                self._processes.freeze(link.client_name, seconds)
            elif link.backend:
                freeze(link.backend, seconds)
            if before:
                link.to_server(commit)

        return self._at_commits(frozen, chosen.randint(1, 5))

    def expire_tenfold(self, _: random.Random) -> int:
        """Run `expire` ten times at once."""
        return self._expire_tenfold()

    def _order(self, share: float, chosen: random.Random, what: Callable[[Link], object]) -> int:
        """Tell a share of the connections to do something, and return how many."""
        links = [link for link in self._proxy.links() if chosen.random() < share]
        for link in links:
            link.order(what)
        return len(links)

    def _at_commits(self, strike: Strike, count: int, wanted: Callable[[Link], bool] = lambda _: True) -> int:
        """Let `strike` happen at so many of the next COMMITs, and return at how many it did."""
        hits = threading.Semaphore(0)

        def counted(link: Link, commit: bytes) -> None:
            hits.release()
            strike(link, commit)

        plans = [self._proxy.at_next_commit(counted, wanted) for _ in range(count)]
        end = time.monotonic() + COMMIT_PATIENCE_SECONDS
        hit = 0
        while hit < count and hits.acquire(timeout=max(0, end - time.monotonic())):
            hit += 1
        self._proxy.forget(plans)
        while hits.acquire(blocking=False):
            hit += 1
        return hit


FAULTS: dict[str, Fault] = {
    "kill_clients": Nemesis.kill_clients,
    "end_connections": Nemesis.end_connections,
    "end_at_commit": Nemesis.end_at_commit,
    "cut_at_commit": Nemesis.cut_at_commit,
    "cut_connections": Nemesis.cut_connections,
    "half_close": Nemesis.half_close,
    "delay": Nemesis.delay,
    "swallow": Nemesis.swallow,
    "stop_server": Nemesis.stop_server,
    "kill_server": Nemesis.kill_server,
    "kill_backend": Nemesis.kill_backend,
    "freeze": Nemesis.freeze,
    "expire_tenfold": Nemesis.expire_tenfold,
}
# The others have the weight 4; after these, the server is away for seconds.
_WEIGHTS = {"stop_server": 1, "kill_server": 1, "kill_backend": 1}
