"""Generator B, for judging: never fit anything on it.

Particles persist in their direction, hop with heavy tails, float along in a common flow and attract their
neighbours. Two that come within reach of each other snap together: they are one in the next frame, or stick
for a while first. Nothing is planned but who is drawn to whom; when they meet comes of the motion. Outlines
are random Fourier modes; areas err with a memory, and misses come in bursts.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from scenarios.encounter import Encounter
from scenarios.outlines import draw_modes, film
from scenarios.regime import REGIMES, Floats, Labels, Regime, Scenario
from scenarios.stages import move_stage_by_power_law
from scenarios.truth import LEAST_AREA_PX, Body

_STREAM = 2
#: Share of a velocity that is left in the next frame.
_PERSISTENCE = 0.5
#: Hops: how often, and their width in ordinary steps; the steps' variance is scaled for them.
_HOP_RATE, _HOP_WIDTH = 0.04, 1.5
_HOP_VARIANCE = 1 + _HOP_RATE * 3 * _HOP_WIDTH**2  # Student's t with three degrees of freedom has variance 3
#: Share of the steps' variance that neighbours have in common.
_FLOW_SHARE = 0.3
_STICKING_GAP_PX = -0.2
_STRANGERS_GAP_PX = 0.6
_REST_FRAMES = 5
_LATEST_WAIT = 40


def scenario(name_or_regime: str | Regime, seed: int) -> Scenario:
    """Make the movie of a named or given regime; the same seed gives the same movie."""
    regime = REGIMES[name_or_regime] if isinstance(name_or_regime, str) else name_or_regime
    world = World(regime, np.random.default_rng((seed, _STREAM)))
    for t in range(regime.n_frames):
        world.advance(t)
    return film(world)


class World:
    """All particles, in specimen px; arrays grow as children are born."""

    def __init__(self, regime: Regime, rng: np.random.Generator) -> None:
        self.regime, self.rng = regime, rng
        self.tilt = float(rng.uniform(0, np.pi / 2))
        self.shift, self.zoom = move_stage_by_power_law(rng, regime, self.tilt)
        rim = 0.0 if regime.confined else 2.5 * regime.diameter_px + 2 * regime.sigma_px
        rim += 0.5 * regime.side * max(0.0, 1 / float(self.zoom.min()) - 1)
        self.low, self.high = -self.shift.max(axis=0) - rim, regime.side - self.shift.min(axis=0) + rim
        self.place = self._sites()
        n = len(self.place)
        spread = max(regime.size_spread, 1e-3)
        self.size = regime.diameter_px * rng.gamma(spread**-2, spread**2, n)
        self.size *= 1 if regime.rod_aspect == 1 else (regime.rod_aspect * 4 / np.pi) ** 0.5
        self.bodies = [Body(0, regime.n_frames - 1) for _ in range(n)]
        self.velocity = rng.normal(0, self._sigma, (n, 2))
        self.modes = draw_modes(rng, n, 0.05)
        self.angle = rng.uniform(0, 2 * np.pi, n)
        self.stretch = np.zeros(n)
        self.fate_end, self.fate_span = np.full(n, np.inf), np.ones(n)
        self.birth, self.ripe = np.full(n, -np.inf), np.ones(n)
        self.fresh_area, self.busy = np.zeros(n), np.zeros(n, dtype=bool)
        self.history: list[tuple[Floats, Floats, Floats, Floats]] = []
        self.encounters = self._plan_encounters()
        self._plan_dissolutions()
        self._plan_births()

    @property
    def _sigma(self) -> float:
        return self.regime.sigma_px / _HOP_VARIANCE**0.5

    def _sites(self) -> Floats:
        """Return sites of a film (rows, strained), or loose ones: at random, not too near to earlier ones."""
        regime, rng = self.regime, self.rng
        if regime.confined:
            n, side = regime.n_particles, regime.side
            best = max(
                (rng.uniform(0.2 * side, 0.8 * side, (n, 2)) for _ in range(50)),
                key=lambda p: cKDTree(p).query(p, 2)[0][:, -1].min(),
            )
            return best + self.low
        pitch = regime.pitch_px
        if not regime.lattice_px:
            return self._loose_sites(pitch, (1 + 0.5 * regime.gap) * regime.diameter_px)
        reach = int(np.hypot(*(self.high - self.low)) / pitch) + 3
        sites = pitch * np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1).T.astype(float)
        sites += 0.15 * pitch * np.sin(2 * np.pi * sites[:, ::-1] / (11 * pitch) + rng.uniform(0, 6, 2))
        sites += rng.normal(0, 0.08 * pitch, sites.shape)
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        sites = sites @ np.array([[c, s], [-s, c]]) + (self.low + self.high) / 2
        sites = sites[np.all((sites > self.low) & (sites < self.high), axis=1)]
        return sites[rng.random(len(sites)) > 0.04]

    def _loose_sites(self, pitch: float, least: float) -> Floats:
        n = round(float(np.prod(self.high - self.low)) / pitch**2)
        sites = np.empty((0, 2))
        for site in self.rng.uniform(self.low, self.high, (20 * n, 2)):
            if len(sites) == n:
                break
            if not len(sites) or ((sites - site) ** 2).sum(axis=1).min() > least**2:
                sites = np.vstack([sites, site])
        return sites

    def _plan_encounters(self) -> list[Encounter]:
        regime, rng = self.regime, self.rng
        kinds = (
            ["merge"] * regime.merges
            + ["steps"] * regime.cascades
            + ["once"] * regime.at_once
            + ["touch"] * regime.touch_and_merge
            + ["pass"] * regime.passing
        )
        low, high = regime.contact_frames
        encounters = []
        for kind in kinds:
            last = max(2, regime.n_frames - (60 if kind in ("steps", "touch") else 25))
            hold = int(rng.integers(low, high + 1))
            if kind in ("touch", "pass"):
                hold = max(hold, int(rng.integers(2, 9)))
            n_more = int(rng.integers(1, 3)) if kind == "steps" else 0
            begin = int(rng.integers(0, last))
            encounters.append(
                Encounter(kind, begin, [], float(rng.uniform(*regime.merge_gap_px)), hold, n_more)
            )
        return sorted(encounters, key=lambda encounter: encounter.begin)

    def _plan_dissolutions(self) -> None:
        """Choose who dissolves, when, how fast; the volume falls at a constant rate. Some vanish at once."""
        regime, rng = self.regime, self.rng
        n = len(self.place)
        everybody = regime.dissolutions >= regime.n_particles > 0
        n_plan_dissolutionsed = n if everybody else regime.dissolutions
        inside = rng.permutation(n) if everybody else rng.permutation(np.flatnonzero(self._inside(0, 0.0)))
        for k in inside[:n_plan_dissolutionsed]:
            gone = float(rng.uniform(5, regime.n_frames - 2))
            span = float(rng.gamma(4, 6) + 4)
            body = self.bodies[k]
            body.fate = "dissolved"
            early = rng.random() < regime.vanishing
            self.fate_end[k], self.fate_span[k] = gone + (span * rng.uniform(0.3, 1) if early else 0), span
            t = np.arange(regime.n_frames)
            left = self.size[k] ** 2 * np.pi / 4 * np.clip((self.fate_end[k] - t) / span, 0, 1) ** (2 / 3)
            body.last = int(gone) if early else int(np.flatnonzero(left >= LEAST_AREA_PX).max(initial=0))
            self.busy[k] = True

    def _plan_births(self) -> None:
        rng, regime = self.rng, self.regime
        for first in np.sort(rng.integers(3, max(4, regime.n_frames - 4), regime.births)).tolist():
            size = float(regime.diameter_px * rng.uniform(0.5, 1.2))
            k = self._append(Body(first, regime.n_frames - 1, origin="nucleated"), np.full(2, np.nan), size)
            self.birth[k], self.ripe[k] = first, rng.uniform(2, 15) if rng.random() < 0.8 else 0.01

    def _append(self, body: Body, place: Floats, size: float) -> int:
        self.bodies.append(body)
        self.place = np.vstack([self.place, place])
        self.velocity = np.vstack([self.velocity, np.zeros(2)])
        self.size = np.append(self.size, size)
        self.modes = np.vstack([self.modes, draw_modes(self.rng, 1, 0.05)])
        for name, value in (
            ("angle", self.rng.uniform(0, 2 * np.pi)), ("stretch", 0.0), ("fate_end", np.inf),
            ("fate_span", 1.0), ("birth", -np.inf), ("ripe", 1.0), ("fresh_area", 0.0), ("busy", False),
        ):  # fmt: skip
            setattr(self, name, np.append(getattr(self, name), value))
        return len(self.bodies) - 1

    # -- state ----------------------------------------------------------------------------------------------

    def alive(self, t: int) -> Labels:
        return np.flatnonzero([b.first <= t <= b.last for b in self.bodies])

    def areas(self, t: int) -> Floats:
        """Return every body's area in frame t as if it lived (K,)."""
        first = np.array([b.first for b in self.bodies])
        age = np.maximum(t - first, 0)
        area = np.pi / 4 * self.size**2
        young = np.clip(1 - age / max(2 * self.regime.relax_frames, 1e-9), 0, 1)
        area = np.where(self.fresh_area > 0, area + (self.fresh_area - area) * young, area)
        area = area * np.clip((self.fate_end - t) / self.fate_span, 0, 1) ** (2 / 3)
        area = area * np.clip(0.4 + 0.6 * (t - self.birth) / self.ripe, 0, 1) ** 2
        return area * (1 + self.regime.growth * age)

    def seen(self, place: Floats, t: int) -> Floats:
        middle = (self.regime.side - 1) / 2
        return middle + (place + self.shift[t] - middle) * self.zoom[t]

    def _inside(self, t: int, margin: float) -> Labels:
        seen = self.seen(self.place, t)
        with np.errstate(invalid="ignore"):
            return np.all((seen > margin) & (seen < self.regime.side - 1 - margin), axis=1)

    # -- one frame ------------------------------------------------------------------------------------------

    def advance(self, t: int) -> None:
        """Bring everybody from frame t - 1 to frame t."""
        for k, body in enumerate(self.bodies):
            if body.first == t and np.isnan(self.place[k, 0]):
                self._find_a_place(k, t)
        if t:
            self._walk(t)
            self._meet(t)
        radius = (self.areas(t) / np.pi) ** 0.5
        area = np.zeros(len(self.bodies))
        index = self.alive(t)
        area[index] = np.pi * radius[index] ** 2
        fade = np.exp(-np.array([t - b.first for b in self.bodies]) / max(self.regime.relax_frames, 1e-9))
        self.history.append((self.place.copy(), area, self.angle.copy(), self.stretch * np.minimum(fade, 1)))

    def _find_a_place(self, k: int, t: int) -> None:
        others = self.place[self.alive(t)]
        others = others[~np.isnan(others[:, 0])]
        side, edge = self.regime.side, self.regime.diameter_px
        tried = self.rng.uniform(edge, side - edge, (60, 2)) - self.shift[t]
        room = np.array([np.hypot(*(others - p).T).min(initial=np.inf) for p in tried])
        roomy = np.flatnonzero(room > 1.3 * edge)
        self.place[k] = tried[roomy[0] if roomy.size else room.argmax()]

    def _walk(self, t: int) -> None:
        rng, sigma = self.rng, self._sigma
        index = self.alive(t)
        n = index.size
        place = self.place[index]
        own = (1 - _FLOW_SHARE) ** 0.5
        fresh = own * sigma * (1 - _PERSISTENCE**2) ** 0.5 * rng.standard_normal((n, 2))
        self.velocity[index] = _PERSISTENCE * self.velocity[index] + fresh
        wave, phase = rng.normal(0, 2 * np.pi / self.regime.side, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
        flow = (2 * _FLOW_SHARE) ** 0.5 * sigma * np.sin(place @ wave.T + phase)
        hops = (rng.random(n) < _HOP_RATE)[:, None] * rng.standard_t(3, (n, 2)) * _HOP_WIDTH * sigma
        limit = 6 * sigma
        self.place[index] = place + self.velocity[index] + flow + np.clip(hops, -limit, limit)
        if self.regime.rod_aspect > 1:
            self.angle[index] += 0.1 * rng.standard_t(4, n)
        self._attract_and_repel(t, index)
        edge = 0.5 * self.size[index, None] if self.regime.confined else 0.0
        low, high = self.low + edge, self.high - edge
        beyond = (self.place[index] < low) | (self.place[index] > high)
        self.velocity[index] = np.where(beyond, -self.velocity[index], self.velocity[index])
        bounced = np.where(self.place[index] < low, 2 * low - self.place[index], self.place[index])
        self.place[index] = np.clip(np.where(bounced > high, 2 * high - bounced, bounced), low, high)

    def _attract_and_repel(self, t: int, index: Labels) -> None:
        """Draw neighbours nearer while they are apart, and push apart those that would overlap."""
        radius = (self.areas(t) / np.pi) ** 0.5
        reach = 2 * radius[index].max(initial=0) + self.regime.diameter_px
        pairs = index[cKDTree(self.place[index]).query_pairs(reach, output_type="ndarray")]
        if not len(pairs):
            return
        i, j = pairs.T
        for attraction in (0.1 * self._sigma, 0.0, 0.0):
            way = self.place[j] - self.place[i]
            length = np.maximum(np.hypot(*way.T), 1e-6)
            gap = length - radius[i] - radius[j]
            pull = np.where((gap > 2) & (gap < self.regime.diameter_px), attraction, 0.0)
            pull = np.where(gap < _STRANGERS_GAP_PX, 0.5 * (gap - _STRANGERS_GAP_PX), pull)
            move = (pull / length)[:, None] * way
            np.add.at(self.place, i, move)
            np.add.at(self.place, j, -move)

    # -- encounters -------------------------------------------------------------------------------------

    def _meet(self, t: int) -> None:
        for encounter in list(self.encounters):
            if t < encounter.begin:
                continue
            if len(encounter.members) < 2 and not self._choose(encounter, t):
                continue
            if encounter.phase == "approach":
                self._approach(encounter, t)
            elif encounter.phase == "held":
                self._hold(encounter, t)
            elif encounter.phase == "parting":
                self._part(encounter, t)
            elif encounter.phase == "rest" and t >= encounter.until:
                encounter.members = encounter.members[:1]
                encounter.begin, encounter.phase = t, "approach"
                self._choose(encounter, t)

    def _choose(self, encounter: Encounter, t: int) -> bool:
        """Choose the two free particles nearest to each other; a third for three at once, one for a host."""
        margin = 1.5 * self.regime.diameter_px + 3
        alive = np.zeros(len(self.bodies), dtype=bool)
        alive[self.alive(t)] = True
        old_enough = np.array([b.first <= t - 2 or b.first == 0 for b in self.bodies])
        free = np.flatnonzero(alive & old_enough & ~self.busy & self._inside(t, margin))
        hosts = encounter.members or free.tolist()
        want = 3 if encounter.kind == "once" else 2
        others = [k for k in free.tolist() if k not in encounter.members]
        if len(others) < want - len(encounter.members):
            return False
        tree = cKDTree(self.place[others])
        best: tuple[float, list[int]] = (np.inf, [])
        for host in hosts:
            distance, near = tree.query(self.place[host], min(len(others), want + 1))
            group = [others[n] for n in np.atleast_1d(near) if others[n] != host][: want - 1]
            length = float(np.atleast_1d(distance)[-1]) * self.rng.uniform(0.6, 1.4)
            if len(group) == want - 1 and length < best[0]:
                best = length, [host, *group]
        if not best[1]:
            return False
        encounter.members = best[1]
        encounter.until = t + _LATEST_WAIT
        self.busy[encounter.members] = True
        return True

    def _gap(self, a: int, b: int, t: int) -> tuple[float, Floats]:
        area = self.areas(t)[[a, b]]
        way = self.place[b] - self.place[a]
        length = max(float(np.hypot(*way)), 1e-6)
        return length - float(((area / np.pi) ** 0.5).sum()), way / length

    def _approach(self, encounter: Encounter, t: int) -> None:
        """Draw the guests in, faster the nearer they are; within reach the host takes them."""
        host = encounter.members[0]
        self._keep_in_field(host, t)
        captured = True
        for guest in encounter.members[1:]:
            gap, way = self._gap(host, guest, t)
            excess = gap - encounter.capture_px
            speed = self._sigma * (0.8 + 2 / (1 + max(gap, 0) / self.regime.diameter_px))
            speed = max(speed, excess / max(encounter.until - t, 3))
            move = float(np.clip(excess, -speed, speed))
            self.place[guest] -= 0.7 * move * way
            self.place[host] += 0.3 * move * way
            captured &= self._gap(host, guest, t)[0] <= encounter.capture_px + 0.3
        if captured and t > encounter.begin + 1:
            encounter.until = t + 1 + encounter.hold
            encounter.phase = "held"
            encounter.touched = None

    def _hold(self, encounter: Encounter, t: int) -> None:
        """Stick to each other until the time is up, then merge or part."""
        host = encounter.members[0]
        if t < encounter.until:
            self._keep_in_field(host, t)
            for guest in encounter.members[1:]:
                gap, way = self._gap(host, guest, t)
                self.place[guest] -= (gap - _STICKING_GAP_PX) * way
            encounter.touched = encounter.touched if encounter.touched is not None else t
        elif encounter.kind == "pass" or (encounter.kind == "touch" and encounter.n_touches == 0):
            encounter.n_touches += 1
            encounter.until, encounter.phase = t + int(self.rng.integers(2, 9)), "parting"
            self._part(encounter, t)
        elif t < self.regime.n_frames - 3:
            self._become_one(encounter, t)
        else:
            encounter.until = t + 1

    def _part(self, encounter: Encounter, t: int) -> None:
        host, guest = encounter.members
        gap, way = self._gap(host, guest, t)
        wanted = max(gap, min(gap + 2 + self._sigma, 2.5))
        self.place[guest] += max(0.0, wanted - gap) * way
        if t >= encounter.until:
            if encounter.kind == "pass":
                self.encounters.remove(encounter)
            encounter.phase, encounter.begin, encounter.until = "approach", t, t + _LATEST_WAIT
            encounter.hold = int(self.rng.integers(0, 3))

    def _keep_in_field(self, host: int, t: int) -> None:
        edge = min(1.2 * self.size[host] + 4, self.regime.side / 3)
        seen = self.seen(self.place[host], t)
        self.place[host] += (np.clip(seen, edge, self.regime.side - 1 - edge) - seen) / self.zoom[t]

    def _become_one(self, encounter: Encounter, t: int) -> None:
        members = sorted(encounter.members, key=lambda k: -self.size[k])
        areas = self.areas(t - 1)[members]
        power = self.regime.conserved_power
        size = float(((4 * areas / np.pi) ** (power / 2)).sum() ** (1 / power))
        past = self.history[-1][0][members]
        pinned = self.rng.random() < 0.4  # the large one stays where it is and takes the small one
        middle = self.place[members[0]] if pinned else np.average(self.place[members], axis=0, weights=areas)
        body = Body(t, self.regime.n_frames - 1, "merge", "present", tuple(members), encounter.touched)
        for k in members:
            self.bodies[k].last, self.bodies[k].fate = t - 1, "merged"
        child = self._append(body, middle, size)
        axis = past[1] - past[0]
        self.fresh_area[child] = self.regime.fresh_ratio * areas.sum()
        self.stretch[child] = self.rng.uniform(0.05, 0.3)
        self.angle[child] = np.arctan2(*axis)
        self.velocity[child] = self.velocity[members].mean(axis=0)
        if encounter.n_more:
            encounter.n_more -= 1
            encounter.members, encounter.phase, encounter.until = [child], "rest", t + _REST_FRAMES
            encounter.capture_px = float(self.rng.uniform(*self.regime.merge_gap_px))
            self.busy[child] = True
        else:
            self.encounters.remove(encounter)
