"""Abuse of act-serve on loopback: clients that stall, that are many, that send what is long or no HTTP; models
replaced and the end under load. The clients are one asyncio loop, so that hundreds cost little."""

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import time

from tally import changed

GOOD = json.dumps({"pairs": [["a", "b"]]}).encode()
STALLS = [b"", b"POST /cl", b"POST /classify HTTP/1.1\r\nContent-Length: 9\r\n",
          b"POST /classify HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
# What long texts may add to the others' times.
MOST_MORE = 0.050
# Where an answer takes longer with nothing else asked, other programs have the processors, and times say nothing.
BUSY = 0.050
# What a server may grow by under steady load.
MOST_GROWTH = 8 << 20


class Server:
    """A running act-serve, with what it says in a file."""

    def __init__(self, programs, models, *flags):
        self.model = models.work / "served.act"
        shutil.copy(models.act, self.model)
        self.log = models.work / "serve.log"
        command = [programs.path("act-serve"), self.model, "--listen", "127.0.0.1:0", *flags]
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(command, stderr=log)
        # A model of the sample corpus marks every line at its end.
        self.address = self.said("listening on http://").split()[0].split(":")

    def count(self, words):
        """The lines of the log that have these words."""
        return sum(words in line for line in self.log.read_text().splitlines())

    def said(self, words):
        """What follows the words in the log, once they are there."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for line in self.log.read_text().splitlines():
                if words in line:
                    return line.split(words)[1].strip()
            time.sleep(0.02)
        raise SystemExit(f"act-serve does not say {words!r}")

    def resident(self):
        """Bytes of memory that are its own, on Linux."""
        try:
            with open(f"/proc/{self.child.pid}/status", encoding="ascii") as status:
                return next(1024 * int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        except OSError:
            return 0

    def ended(self):
        """The code of a server that was told to end, or None if it does not. Told again it would end with 130."""
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        self.child.kill()
        self.child.wait()


class Client:
    """A connection that is kept."""

    def __init__(self, server):
        self.server, self.reader, self.writer = server, None, None

    async def connect(self):
        host, port = self.server.address
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        return self

    async def ask(self, body, path="/classify"):
        """Status and body of the answer; None if the connection ended instead. `closes` says whether it ends."""
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        try:
            self.writer.write(head + body)
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            answer = await self.reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            return None
        self.closes = b"connection: close" in head
        return int(head[9:12]), answer

    def leave(self):
        if self.writer:
            self.writer.close()


def at(times, share):
    times = sorted(times)
    return times[min(len(times) - 1, int(len(times) * share))]


async def times_of(server, seconds, rate=50):
    """Seconds of each answer to requests at even times, counted from when each was to be sent."""
    times, clients = [], [await Client(server).connect() for _ in range(16)]
    free, start = asyncio.Queue(), time.monotonic()
    for client in clients:
        free.put_nowait(client)

    async def one(due):
        client = await free.get()
        answer = await client.ask(GOOD)
        times.append(time.monotonic() - due if answer and answer[0] == 200 else float("inf"))
        free.put_nowait(client)

    tasks = []
    for i in range(int(seconds * rate)):
        due = start + i / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for client in clients:
        client.leave()
    return times


async def stalled(server, tally, count=600):
    """Clients that stop in the middle keep nobody waiting."""
    alone = at(await times_of(server, 2), 0.99)
    clients = []
    for i in range(count):
        client = await Client(server).connect()
        client.writer.write(STALLS[i % len(STALLS)])
        clients.append(client)
    times = await times_of(server, 3)
    tally.expect(max(times) < float("inf"), f"beside {count} stalled clients a request had no answer")
    what = f"beside {count} stalled clients an answer took {max(times):.2f} s, p99 alone {alone:.3f} s"
    tally.expect_time(max(times) < 2, what, alone > BUSY)
    for client in clients:
        client.leave()
    return f"beside {count} stalled clients p99 {1e3 * at(times, 0.99):.0f} ms"


async def parallel(server, tally, count=500, each=4):
    """Many clients at once are all answered."""

    async def one():
        client = await Client(server).connect()
        for _ in range(each):
            answer = await client.ask(GOOD)
            tally.expect(answer is not None and answer[0] in (200, 429), f"one of {count} clients got {answer}")
        client.leave()

    start = time.monotonic()
    await asyncio.gather(*(one() for _ in range(count)))
    return f"{count} clients at once, {count * each} answers in {time.monotonic() - start:.1f} s"


async def beside_long_texts(server, tally, count, seconds):
    """The 99th percentile of others' times, first alone, and how many long texts were answered."""
    alone = at(await times_of(server, seconds), 0.99)
    body = json.dumps({"pairs": [["!" * (1 << 20), "b"]]}).encode()
    end, answered = time.monotonic() + seconds, 0

    async def one():
        nonlocal answered
        client = await Client(server).connect()
        while time.monotonic() < end:
            answer = await client.ask(body)
            tally.expect(answer is not None and answer[0] == 200, f"a text of 1 MiB got {answer}")
            answered += 1
        client.leave()

    others, *_ = await asyncio.gather(times_of(server, seconds), *(one() for _ in range(count)))
    return alone, at(others, 0.99), answered


async def long_texts(server, tally, count=8, seconds=6):
    """Texts of 1 MiB hardly keep others waiting; other programs may for a while, so it has three tries."""
    for tries in range(1, 4):
        alone, beside, answered = await beside_long_texts(server, tally, count, seconds)
        if beside - alone <= MOST_MORE:
            break
    what = f"p99 {alone:.3f} s became {beside:.3f} s beside long texts, try {tries}"
    tally.expect(beside < float("inf"), f"beside long texts a request had no answer, try {tries}")
    tally.expect_time(beside - alone <= MOST_MORE, what, alone > BUSY)
    told = f"p99 {1e3 * alone:.1f} ms alone, {1e3 * beside:.1f} ms beside {count} clients of 1 MiB ({answered} answered"
    return f"{told}, try {tries})"


async def lies(server, tally, rng, count=200):
    """Changed requests get an answer or the end of their connection, and the next one is answered."""
    whole = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"inputs\": \"a\"}"
    for _ in range(count):
        client = await Client(server).connect()
        client.writer.write(changed(whole, rng))
        try:
            client.writer.write_eof()
            got = await asyncio.wait_for(client.reader.read(65536), 20)
        except OSError:
            got = b""
        except asyncio.TimeoutError:
            got = b"nothing for 20 s"
        tally.expect(not got or got.startswith(b"HTTP/1.1 "), f"a changed request got {got[:80]}")
        client.leave()
    client = await Client(server).connect()
    answer = await client.ask(GOOD)
    tally.expect(answer is not None and answer[0] == 200, "no answer after bad requests")
    client.leave()
    return f"{count} changed requests"


async def without_a_pause(server, tally, stop, counts, clients=8):
    """Clients that ask until they are told to stop, or their connection ends as HTTP says."""

    async def one():
        client = await Client(server).connect()
        while not stop.is_set():
            answer = await client.ask(GOOD)
            counts[0] += 1
            if answer is None:
                counts[1] += 1
                return
            tally.expect(answer[0] == 200, f"under load: {answer}")
            if client.closes:
                return
        client.leave()

    await asyncio.gather(*(one() for _ in range(clients)))


async def steady(server, tally, seconds):
    """Under load memory stays what it was."""
    stop, counts = asyncio.Event(), [0, 0]
    load = asyncio.create_task(without_a_pause(server, tally, stop, counts))
    await asyncio.sleep(0.2 * seconds)
    first = server.resident()
    await asyncio.sleep(0.8 * seconds)
    last = server.resident()
    stop.set()
    await load
    tally.expect(counts[1] == 0, f"{counts[1]} of {counts[0]} requests were lost")
    tally.expect(last - first <= MOST_GROWTH, f"{last - first} bytes more after {seconds:.0f} s")
    return f"{counts[0]} requests in {seconds:.0f} s, {(last - first) / 1e6:+.1f} MB of {last / 1e6:.0f}"


async def reloads(server, models, tally, count=24):
    """Under load models are replaced without a lost request, also by a file that is none."""
    stop, counts = asyncio.Event(), [0, 0]
    load = asyncio.create_task(without_a_pause(server, tally, stop, counts))
    files = [models.other.read_bytes(), models.act.read_bytes(), models.act.read_bytes()[:1000]]
    for i in range(count):
        words = "stays as it is" if i % len(files) == 2 else "from now on"
        before, end = server.count(words), time.monotonic() + 20
        new = server.model.with_suffix(".new")
        new.write_bytes(files[i % len(files)])
        os.replace(new, server.model)
        server.child.send_signal(signal.SIGHUP)
        while server.count(words) == before and time.monotonic() < end:
            await asyncio.sleep(0.1)
        tally.expect(server.count(words) > before, f"reload {i}: it does not say {words!r}")
    stop.set()
    await load
    tally.expect(counts[1] == 0, f"{counts[1]} of {counts[0]} requests were lost at {count} reloads")
    return f"{count} reloads amid {counts[0]} requests"


async def ends(server, tally):
    """The end under load loses no request."""
    stop, counts = asyncio.Event(), [0, 0]
    load = asyncio.create_task(without_a_pause(server, tally, stop, counts))
    half = await Client(server).connect()
    half.writer.write(STALLS[3])
    await asyncio.sleep(1)
    server.child.send_signal(signal.SIGTERM)
    await asyncio.sleep(2)
    stop.set()
    await load
    half.leave()
    tally.expect(counts[1] == 0, f"{counts[1]} of {counts[0]} requests were lost at the end")
    return f"the end amid {counts[0]} requests"


def server(programs, models, tally):
    """act-serve among clients of every kind."""
    notes = []
    running = Server(programs, models, "--max-text", "2MB")
    try:
        async def all_of_them():
            seconds = max(4.0, tally.end - time.monotonic() - 35)
            notes.append(await stalled(running, tally))
            notes.append(await parallel(running, tally))
            notes.append(await long_texts(running, tally))
            notes.append(await lies(running, tally, random.Random(tally.random.random())))
            notes.append(await steady(running, tally, seconds))
            notes.append(await reloads(running, models, tally))
            notes.append(await ends(running, tally))

        asyncio.run(all_of_them())
        code = running.ended()
        tally.expect(code == 0, f"it ended with {code}")
    finally:
        running.close()
        # What it said is kept beside what it broke.
        if tally.broken:
            for line in running.log.read_text(errors="replace").splitlines()[-200:]:
                tally.notes.broken(f"act-serve: {line}")
    tally.note = "; ".join(notes)
