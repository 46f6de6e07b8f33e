"""Generator A, for fitting: Brownian discs, meetings planned beforehand, outlines that jitter by pixels.

Every particle walks at random, its steps normal; those nearer than a pixel push each other away. Partners of
a planned meeting walk on a Brownian bridge that ends at the wanted gap in the wanted frame, and are rigid
while in contact. A child is the smooth union of its parents' discs, which draw together exponentially.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from scenarios import observing
from scenarios.discs import Camera, Grown, disc_radius
from scenarios.regime import REGIMES, Floats, Labels, Regime, Scenario
from scenarios.stages import move_stage_by_decay, spread
from scenarios.truth import LEAST_AREA_PX, Body, tell_truth
from temtrack.simulation.packing import pack

_STREAM = 1
#: Strangers keep at least this gap.
_FREE_GAP_PX = 1.0
_MAX_LOBES = 4
#: Frames that a child lives at least before it merges again, and before the end of the movie.
_REST_FRAMES = 5


@dataclass(frozen=True)
class Waypoint:
    """Be ``gap_px`` away from the host in ``frame``; ``rigid``: in contact since the waypoint before."""

    frame: int
    gap_px: float
    rigid: bool = False


@dataclass
class Meeting:
    """A guest's way to its host; they merge in ``merge_frame``, or never."""

    host: int
    guest: int
    waypoints: list[Waypoint]
    merge_frame: int | None


def scenario(name_or_regime: str | Regime, seed: int) -> Scenario:
    """Make the movie of a named or given regime; the same seed gives the same movie."""
    regime = REGIMES[name_or_regime] if isinstance(name_or_regime, str) else name_or_regime
    return _Movie(regime, np.random.default_rng((seed, _STREAM))).film()


class _Movie:
    def __init__(self, regime: Regime, rng: np.random.Generator) -> None:
        self.regime, self.rng = regime, rng
        self.tilt = float(rng.uniform(0, np.pi / 3))
        self.positions, self.magnification = move_stage_by_decay(rng, regime, self.tilt)
        side = regime.side
        margin = 0.0 if regime.confined else 2 * regime.diameter_px
        zoom = 0.5 * side * max(0.0, 1 / self.magnification.min() - 1)
        self.low = (-self.positions).min(axis=0) - margin - zoom
        self.high = (-self.positions).max(axis=0) + side + margin + zoom
        share = float(np.prod((self.high - self.low) / (side + 2 * margin)))
        self.n = round(regime.n_particles * share * (1 + 2 * margin / side) ** 2)
        self.grown = [self._newborn(Body(0, regime.n_frames - 1)) for _ in range(self.n)]
        self.start = self._arrange()
        self.n = len(self.start)
        self.grown = self.grown[: self.n]
        self.camera = Camera(regime, rng, self.grown, self.positions, self.magnification)
        self.meetings = self._plan_meetings()
        self._plan_lives()

    def film(self) -> Scenario:
        """Move everybody, draw, observe."""
        places, areas = self._move()
        t_range = range(self.regime.n_frames)
        drawn = [self.camera.draw(t, places[t], areas[t]) for t in t_range]
        masks, lineage = tell_truth([g.body for g in self.grown], areas, drawn)
        bad = observing.draw_bad_frames(self.rng, self.regime)
        observed, sources = [], []
        last: Labels | None = None
        for t in t_range:
            found = self.camera.detect(t, places[t], areas[t], drawn[t], masks[t], bad.get(t), last)
            last = found.labels.copy()
            labels, source = observing.renumber(self.rng, found)
            observed.append(labels)
            sources.append(source)
        return Scenario(masks, observed, sources, lineage, self.positions, self.magnification, bad)

    # -- who there is, and what is planned ------------------------------------------------------------------

    def _newborn(self, body: Body) -> Grown:
        spread = self.regime.size_spread
        diameter = self.regime.diameter_px * np.exp(self.rng.normal(-(spread**2) / 2, spread))
        area = np.pi * (diameter / 2) ** 2 * (1 + (self.regime.rod_aspect - 1) * 4 / np.pi)
        return Grown(body, float(area), float(self.rng.uniform(0, 2 * np.pi)))

    def _arrange(self) -> Floats:
        regime, rng = self.regime, self.rng
        if regime.lattice_px:
            return _hexagons(rng, self.low, self.high, regime.lattice_px, self.tilt)
        reach = np.array([disc_radius(g.area_px) for g in self.grown]) + 0.4 * regime.gap * regime.diameter_px
        low, high = np.tile(self.low, (self.n, 1)), np.tile(self.high, (self.n, 1))
        return pack(rng, reach, low, high)

    def _plan_meetings(self) -> list[Meeting]:
        regime, rng = self.regime, self.rng
        sizes = [
            *((2, "merge") for _ in range(regime.merges)),
            *((2, "touch") for _ in range(regime.touch_and_merge)),
            *((2, "pass") for _ in range(regime.passing)),
            *((3, "once") for _ in range(regime.at_once)),
            *((int(rng.integers(3, 5)), "steps") for _ in range(regime.cascades)),
        ]
        times = spread(rng, len(sizes), 3, regime.n_frames - _REST_FRAMES)
        free = set(self._inside(self.start, 0, 0.0).nonzero()[0].tolist())
        meetings: list[Meeting] = []
        for i in rng.permutation(len(sizes)):
            k, kind = sizes[i]
            group = self._neighbours(free, k)
            free -= set(group)
            frames = [int(times[i])] * (k - 1)
            if kind == "steps":
                least = 3 + (_REST_FRAMES + regime.contact_frames[1]) * (k - 1)
                span = np.sort(rng.integers(3, regime.n_frames - _REST_FRAMES - least, k - 1))
                frames = (span + (_REST_FRAMES + regime.contact_frames[1]) * np.arange(1, k)).tolist()
            for guest, frame in zip(group[1:], frames, strict=True):
                meetings.append(self._meeting(group[0], guest, frame, kind))
        return meetings

    def _neighbours(self, free: set[int], k: int) -> list[int]:
        free_list = np.array(sorted(free), dtype=int)
        if free_list.size < k:
            raise ValueError(f"{self.n} particles are too few for the meetings that are asked for")
        host = int(self.rng.choice(free_list))
        away = np.hypot(*(self.start[free_list] - self.start[host]).T)
        return [int(j) for j in free_list[np.argsort(away)[:k]]]

    def _meeting(self, host: int, guest: int, frame: int, kind: str) -> Meeting:
        regime, rng = self.regime, self.rng
        low, high = regime.contact_frames
        hold = int(rng.integers(low, high + 1)) if kind in ("merge", "steps") else 0
        if kind == "touch":
            hold = max(hold, int(rng.integers(0, 4)))
        gap = 0.0 if hold else float(rng.uniform(*regime.merge_gap_px))
        waypoints: list[Waypoint] = []
        merge_frame: int | None = frame
        if kind in ("touch", "pass"):
            length, pause = int(rng.integers(2, 8)), int(rng.integers(2, 8))
            first = max(2, frame - hold - length - pause - 2)
            waypoints = [Waypoint(first, 0.0), Waypoint(first + length, 0.0, rigid=True)]
            waypoints.append(Waypoint(first + length + 2, float(rng.uniform(2, 4))))
            merge_frame = None if kind == "pass" else max(frame, first + length + 4 + hold)
        if merge_frame is not None:
            waypoints.append(Waypoint(max(1, merge_frame - max(hold, 1)), gap))
            if hold > 1:
                waypoints.append(Waypoint(merge_frame - 1, 0.0, rigid=True))
        self._come_near(host, guest, waypoints[0].frame)
        return Meeting(host, guest, waypoints, merge_frame)

    def _come_near(self, host: int, guest: int, n_frames: int) -> None:
        """Start a guest so near that a walker of its kind could be there in time."""
        way = self.start[guest] - self.start[host]
        length = float(np.hypot(*way))
        contact = sum(disc_radius(self.grown[k].area_px) for k in (host, guest))
        reach = contact + 3 + 2.5 * self.regime.sigma_px * n_frames**0.5
        self.start[guest] = self.start[host] + way * min(1.0, reach / length)

    def _plan_lives(self) -> None:
        regime, rng = self.regime, self.rng
        busy = {k for m in self.meetings for k in (m.host, m.guest)}
        idle = rng.permutation([k for k in range(self.n) if k not in busy])
        share = min(1.0, regime.dissolutions / max(regime.n_particles, 1))
        doomed = idle[: round(share * self.n) if share == 1 else regime.dissolutions].tolist()
        for k, end in zip(doomed, spread(rng, len(doomed), 6, regime.n_frames - 2), strict=True):
            grown = self.grown[k]
            grown.span = float(rng.uniform(8, 40))
            vanishes = rng.random() < regime.vanishing
            grown.end = float(end + grown.span * rng.uniform(0.2, 0.9) if vanishes else end)
            grown.body.last = (
                int(end)
                if vanishes
                else int(np.flatnonzero(self._areas(grown) >= LEAST_AREA_PX).max(initial=0))
            )
            grown.body.fate = "dissolved"
        for birth in spread(rng, regime.births, 3, regime.n_frames - 4).tolist():
            grown = self._newborn(Body(int(birth), regime.n_frames - 1, origin="nucleated"))
            grown.birth, grown.span = float(birth) - 0.5, float(rng.uniform(4, 20))
            alive = np.flatnonzero(self._areas(grown) >= LEAST_AREA_PX)
            if alive.size:
                grown.body.first = int(alive[0])
                self.grown.append(grown)

    def _areas(self, grown: Grown) -> Floats:
        """Return the area (T,): it falls linearly to zero at the end, saturates after birth, relaxes."""
        t = np.arange(self.regime.n_frames)
        age = np.maximum(t - grown.body.first, 0)
        area = np.full(t.size, grown.area_px)
        if grown.final_px is not None:
            area = grown.final_px + (area - grown.final_px) * np.exp(
                -age / max(self.regime.relax_frames, 1e-9)
            )
        if grown.end is not None:
            area = area * np.clip((grown.end - t) / grown.span, 0, 1)
        if grown.birth is not None:
            area = area * (1 - np.exp(-np.maximum(0, t - grown.birth) / grown.span)) ** (2 / 3)
        return area * np.exp(self.regime.growth * age)

    # -- motion and merging ---------------------------------------------------------------------------------

    def _inside(self, places: Floats, t: int, margin: float) -> Labels:
        seen = self.camera.seen(places, t)
        return np.all((seen > margin) & (seen < self.regime.side - 1 - margin), axis=1)

    def _move(self) -> tuple[Floats, Floats]:
        n_frames, n_bodies = self.regime.n_frames, len(self.grown) + len(self.meetings)
        places = np.full((n_frames, n_bodies, 2), np.nan)
        table = np.zeros((n_frames, n_bodies))
        for k, grown in enumerate(self.grown):
            table[:, k] = self._areas(grown)
        here = np.full((n_bodies, 2), np.nan)
        here[: self.n] = self.start
        holder: dict[int, int] = {}
        for t in range(n_frames):
            self._be_born(here, t)
            index, before = self._alive(t), here.copy()
            radius = (table[t] / np.pi) ** 0.5
            here[index] += self._steps(index, table[t, index], t)
            partners = [m for m in self.meetings if self._goes_on(m, t)]
            paired = {(holder.get(m.host, m.host), m.guest) for m in partners}
            self._push_apart(here, index, radius, paired)
            for m in partners if t else ():
                host = holder.get(m.host, m.host)
                self._keep_inside(here, host, t, radius)
                noise = here[m.guest] - before[m.guest] - (here[host] - before[host])
                rel = before[m.guest] - before[host]
                here[m.guest] = here[host] + self._bridge(m, t, rel, noise, radius[host], radius[m.guest])
            self._merge_now(t, here, table, holder)
            index = self._alive(t)
            places[t, index] = here[index]
        for k, grown in enumerate(self.grown):
            table[: grown.body.first, k] = table[grown.body.last + 1 :, k] = 0
        return places[:, : len(self.grown)], table[:, : len(self.grown)]

    def _alive(self, t: int) -> Labels:
        return np.flatnonzero([g.body.first <= t <= g.body.last for g in self.grown])

    def _be_born(self, here: Floats, t: int) -> None:
        for k in range(self.n, len(self.grown)):
            if self.grown[k].body.first == t and np.isnan(here[k, 0]):
                here[k] = self._free_place(here, t)

    def _steps(self, index: Labels, size: Floats, t: int) -> Floats:
        if t == 0:
            return np.zeros((index.size, 2))
        mean_area = np.pi * (self.regime.diameter_px / 2) ** 2
        mobility = np.clip(mean_area / np.maximum(size, 1), 0.3, 2.0) ** 0.25
        if self.regime.rod_aspect > 1:
            mobility = np.ones(index.size)
            for k in index:
                self.grown[k].angle += self.rng.normal(0, 0.15)
        return self.rng.normal(0, self.regime.sigma_px, (index.size, 2)) * mobility[:, None]

    def _goes_on(self, meeting: Meeting, t: int) -> bool:
        last = meeting.merge_frame - 1 if meeting.merge_frame is not None else meeting.waypoints[-1].frame
        return t <= last

    def _bridge(
        self, meeting: Meeting, t: int, rel: Floats, noise: Floats, host_px: float, guest_px: float
    ) -> Floats:
        """Return the guest's next place relative to its host on the bridge to the next waypoint."""
        point = next(w for w in meeting.waypoints if w.frame >= t)
        contact = host_px + guest_px
        length = max(float(np.hypot(*rel)), 1e-6)
        if point.rigid:
            turn = self.rng.normal(0, 0.06)
            c, s = np.cos(turn), np.sin(turn)
            return np.array([[c, -s], [s, c]]) @ rel * (contact - 0.3) / length
        left = point.frame - t + 1
        target = rel / length * (contact + (point.gap_px or -0.3))
        new = rel + (target - rel) / left + noise * ((left - 1) / left) ** 0.5
        floor = contact + (point.gap_px if left == 1 and point.gap_px else -0.3 if left == 1 else 0.7)
        length = max(float(np.hypot(*new)), 1e-6)
        return new * max(1.0, floor / length) if left > 1 else new * floor / length

    def _push_apart(self, here: Floats, index: Labels, radius: Floats, paired: set[tuple[int, int]]) -> None:
        reach = 2 * radius[index].max(initial=0) + _FREE_GAP_PX
        for _ in range(2):
            pairs = index[cKDTree(here[index]).query_pairs(reach, output_type="ndarray")]
            if paired:
                pairs = np.array(
                    [p for p in pairs if (p[0], p[1]) not in paired and (p[1], p[0]) not in paired]
                )
            if not len(pairs):
                break
            i, j = pairs.T
            apart = here[j] - here[i]
            distance = np.maximum(np.hypot(*apart.T), 1e-6)
            lack = np.maximum(radius[i] + radius[j] + _FREE_GAP_PX - distance, 0)
            push = (0.5 * lack / distance)[:, None] * apart
            np.add.at(here, i, -push)
            np.add.at(here, j, push)
        margin = radius[index, None] if self.regime.confined else 0.0
        low, high = self.low + margin, self.high - margin
        inner = low + np.abs(here[index] - low)
        here[index] = np.clip(high - np.abs(high - inner), low, high)

    def _keep_inside(self, here: Floats, host: int, t: int, radius: Floats) -> None:
        """Keep those who will meet in the field: hosts turn back before its edge."""
        margin = min(2 * radius[host] + 4, self.regime.side / 3)
        seen = self.camera.seen(here[host], t)
        here[host] += (np.clip(seen, margin, self.regime.side - 1 - margin) - seen) / self.magnification[t]

    def _free_place(self, here: Floats, t: int) -> Floats:
        """Draw a place in the field where nobody is near."""
        alive = here[~np.isnan(here[:, 0])]
        margin = self.regime.diameter_px
        best, room = np.zeros(2), -1.0
        for _ in range(30):
            spot = self.rng.uniform(margin, self.regime.side - margin, 2) - self.positions[t]
            near = float(np.hypot(*(alive - spot).T).min(initial=np.inf))
            if near > room:
                best, room = spot, near
            if room > 2 * self.regime.diameter_px:
                break
        return best

    def _merge_now(self, t: int, here: Floats, table: Floats, holder: dict[int, int]) -> None:
        due: dict[int, list[Meeting]] = {}
        for m in self.meetings:
            if m.merge_frame == t:
                due.setdefault(m.host, []).append(m)
        for host, meetings in due.items():
            parents = [holder.get(host, host), *(m.guest for m in meetings)]
            area = table[t - 1, parents]
            middle = (here[parents] * area[:, None]).sum(axis=0) / area.sum()
            contacts = [w for w in meetings[-1].waypoints if w.gap_px == 0]
            held = len(meetings) == 1 and contacts and contacts[-1].frame == t - 1
            for k in parents:
                self.grown[k].body.last, self.grown[k].body.fate = t - 1, "merged"
            order = np.argsort(-area)
            body = Body(t, self.regime.n_frames - 1, "merge", "present", tuple(parents[i] for i in order))
            body.contact_frame = self._contact(meetings[0], t) if held else None
            power = self.regime.conserved_power / 2
            total = area.sum()
            final = float((area**power).sum() ** (1 / power))
            radii = np.array([disc_radius(a) for a in area])
            child = Grown(body, float(self.regime.fresh_ratio * total), final_px=final)
            child.lobes, child.lobe_radius = (here[parents] - middle)[order][:_MAX_LOBES], radii[order]
            child.lobes *= _to_contact(child.lobes, child.lobe_radius)
            here[len(self.grown)] = middle
            table[:, len(self.grown)] = self._areas(child)
            holder[host] = len(self.grown)
            self.grown.append(child)

    def _contact(self, meeting: Meeting, t: int) -> int:
        """Return the first frame of the contact that lasts until the merge."""
        points = meeting.waypoints
        return points[-2].frame if points[-1].rigid else points[-1].frame if points[-1].gap_px == 0 else t


def _to_contact(lobes: Floats, radius: Floats) -> float:
    """Return the factor that draws the discs together until they overlap a little."""
    if len(lobes) < 2:
        return 1.0
    apart = np.hypot(*(lobes[1:] - lobes[0]).T)
    return float(min(1.0, (0.9 * (radius[0] + radius[1 : len(lobes)]) / np.maximum(apart, 1e-6)).min()))


def _hexagons(rng: np.random.Generator, low: Floats, high: Floats, pitch: float, angle: float) -> Floats:
    """Return the sites of a hexagonal film, disordered by a tenth of its pitch, some of them empty."""
    size = high - low
    reach = int(np.hypot(*size) / pitch) + 2
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    u, v = (
        pitch * 1.0746 * (i + 0.5 * j),
        pitch * 1.0746 * 0.75**0.5 * j,
    )  # as many as in squares of the pitch
    sites = np.column_stack([u * np.sin(angle) + v * np.cos(angle), u * np.cos(angle) - v * np.sin(angle)])
    sites = sites + low + size / 2 + rng.normal(0, 0.1 * pitch, sites.shape)
    sites = sites[np.all((sites > low) & (sites < high), axis=1)]
    return sites[rng.random(len(sites)) > 0.02]
