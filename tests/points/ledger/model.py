"""What a wallet does, in as few words as there are. Days are whole numbers; `NEVER` comes after all of them."""

from dataclasses import dataclass, field

NEVER = 10**6


@dataclass
class Portion:
    id: int
    order: str
    left: int
    expires: int
    earned: int
    waits: int  # 0: not; NEVER: for an event; else until that day


@dataclass
class Model:
    now: int = 0
    debt: int = 0
    held: int = 0
    lots: list[Portion] = field(default_factory=list)
    debits: list[list[tuple[Portion, int]]] = field(default_factory=list)

    def spendable(self) -> list[Portion]:
        lots = [lot for lot in self.lots if lot.left and not lot.waits and lot.expires > self.now]
        return sorted(lots, key=lambda lot: (lot.expires, lot.earned, lot.id))

    def available(self) -> int:
        return sum(lot.left for lot in self.spendable())

    def pending(self) -> int:
        return sum(lot.left for lot in self.lots if lot.waits and lot.expires > self.now)

    def drain(self, lots: list[Portion], points: int) -> list[tuple[Portion, int]]:
        used = []
        for lot in lots:
            part = min(points, lot.left)
            lot.left, points = lot.left - part, points - part
            used += [(lot, part)] if part else []
        return used

    def pay(self, lots: list[Portion]) -> None:
        self.debt -= sum(part for _, part in self.drain(lots, self.debt))

    def credit(self, order: str, points: int, expires: int, waits: int) -> None:
        self.lots.append(Portion(len(self.lots), order, points, expires, self.now, waits if waits > self.now else 0))
        if not self.lots[-1].waits:
            self.pay(self.lots[-1:])

    def end_waiting(self, lots: list[Portion]) -> None:
        for lot in lots:
            at, lot.waits = min(lot.waits, self.now), 0
            if lot.expires > at:
                self.pay([lot])

    def pass_days(self, days: int) -> None:
        self.now += days
        due = [lot for lot in self.lots if 0 < lot.waits <= self.now]
        self.end_waiting(sorted(due, key=lambda lot: (lot.waits, lot.id)))

    def spend(self, points: int) -> bool:
        if self.debt or points > self.available():
            return False
        self.debits.append(self.drain(self.spendable(), points))
        return True

    def give_back(self, debit: int, points: int, grace: int) -> bool:
        parts, kept, touched, renewed = self.debits[debit], list[tuple[Portion, int]](), list[Portion](), 0
        if points > sum(part for _, part in parts):
            return False
        for lot, taken in reversed(parts):
            part = min(points, taken)
            points, kept = points - part, [(lot, taken - part), *kept]
            expired = lot.expires <= self.now
            renewed += part if expired and grace else 0
            lot.left += 0 if expired and grace else part
            touched += [lot] if part and not expired else []
        if renewed:
            self.lots.append(Portion(len(self.lots), "", renewed, self.now + grace, self.now, 0))
            touched.append(self.lots[-1])
        self.debits[debit] = kept
        self.pay(touched)
        return True

    def take(self, order: str, points: int) -> None:
        own = sorted((lot for lot in self.lots if lot.order == order), key=lambda lot: (lot.expires, lot.id))
        for lots in ([lot for lot in own if lot.waits], [lot for lot in own if not lot.waits], self.spendable()):
            points -= sum(part for _, part in self.drain(lots, points))
        self.debt += points
