# weft-gdb.py - goroutines in gdb, also in a core file
#
#   info goroutines        number, state, what it waits for, how long, where it came from
#   goroutine 7 bt         a command with the stack of goroutine 7; all: of each
#   print *(struct weft_chan *)c   values, and who waits
#
# No register is written: a parked goroutine's stack is shown by an unwinder, which
# says that the newest frame was called from where the goroutine waits.

import gdb
from gdb.unwinder import Unwinder, register_unwinder

STATES = ["free", "runnable", "running", "waiting"]
REASONS = ["waiting", "chan send", "chan receive", "NULL channel", "select",
           "select (no cases)", "sleep", "mutex", "rwmutex read", "rwmutex write",
           "wait group", "cond", "read", "write", "descriptor", "test", "settle"]
LOCKS = ("mutex", "rwmutex read", "rwmutex write")
X86 = ["r15", "r14", "r13", "r12", "rbx", "rbp"]


def var(name, file):
    """A static of one file, or a global."""
    try:
        return gdb.parse_and_eval("'%s'::%s" % (file, name))
    except gdb.error:
        return gdb.parse_and_eval(name)


def record_type():
    return gdb.lookup_type("struct g")


class Goroutine:
    def __init__(self, g):
        self.g = g
        self.id = int(g["id"])
        self.status = STATES[int(g["status"]) & 3]
        self.reason = REASONS[int(g["reason"])] if int(g["reason"]) < len(REASONS) else "?"
        self.object = int(g["object"])

    def site(self):
        s = self.g["site"]
        if int(s) == 0:
            return "?", ""
        func = s["func"].string()
        if int(s["line"]) == 0:
            return func, ""
        return func, "%s:%d" % (s["file"].string(), int(s["line"]))

    def state(self):
        return self.reason if self.status == "waiting" else self.status

    def holder(self):
        """The goroutine that has the lock which this one waits for, or 0."""
        if self.status != "waiting" or self.reason not in LOCKS or not self.object:
            return 0
        kind = "weft_mutex" if self.reason == "mutex" else "weft_rwmutex"
        try:
            m = gdb.Value(self.object).cast(gdb.lookup_type("struct " + kind).pointer())
            owner = owner_of(~int(m["holder"]) & (1 << 64) - 1)
        except gdb.error:
            return 0
        return int(owner["id"]) if owner is not None else 0

    def registers(self):
        """What swap left on its stack."""
        word = gdb.lookup_type("unsigned long").pointer()
        sp = int(self.g["sp"])
        at = gdb.Value(sp).cast(word)
        return {"regs": {r: at[i] for i, r in enumerate(X86)}, "pc": at[len(X86)],
                "sp": sp + 8 * (len(X86) + 1)}


def regions():
    arena = gdb.parse_and_eval("arena")
    region = var("region", "weft/stack.c")
    for k in range(4):
        base = int(arena["base"]) + (k << int(arena["region_shift"]))
        yield base, 65536 << (2 * k), int(region[k]["open"])


def record_at(base, size, i):
    at = base + size * (i + 1) - 384
    return gdb.Value(at).cast(record_type().pointer()).dereference()


def owner_of(addr):
    for base, size, n in regions():
        if base <= addr < base + size * n:
            return record_at(base, size, (addr - base) // size)
    return None


def goroutines():
    found = []
    for base, size, n in regions():
        for i in range(n):
            g = record_at(base, size, i)
            if int(g["status"]) != 0:
                found.append(Goroutine(g))
    return sorted(found, key=lambda g: g.id)


class Parked(Unwinder):
    """While a goroutine is shown, it called the newest frame."""

    def __init__(self):
        super().__init__("weft-goroutine")
        self.saved = None
        self.top = None

    def show(self, g):
        if "x86-64" not in gdb.newest_frame().architecture().name():
            raise gdb.GdbError("parked goroutines can be shown on x86-64 only")
        gdb.invalidate_cached_frames()
        self.saved = None
        frame = gdb.newest_frame()
        self.top = (int(frame.read_register("rsp")), frame.pc())
        self.saved = g.registers()
        gdb.invalidate_cached_frames()

    def hide(self):
        self.saved = None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.saved is None:
            return None
        sp, pc = pending.read_register("rsp"), pending.read_register("rip")
        if (int(sp), int(pc)) != self.top:
            return None
        frame = type("FrameId", (), {"sp": sp, "pc": pc})
        info = pending.create_unwind_info(frame)
        info.add_saved_register("rip", self.saved["pc"])
        info.add_saved_register("rsp", gdb.Value(self.saved["sp"]))
        for name, value in self.saved["regs"].items():
            info.add_saved_register(name, value)
        return info


PARKED = Parked()
register_unwinder(None, PARKED, replace=True)


class InfoGoroutines(gdb.Command):
    """List all goroutines: number, state, where each came from."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STACK)

    def invoke(self, arg, from_tty):
        for g in goroutines():
            func, place = g.site()
            state = g.state()
            if g.holder():
                state += ", held by %d" % g.holder()
            star = "*" if g.status == "running" else " "
            print("%s %-5d [%s] %s%s" % (star, g.id, state, func,
                                         "   spawned at " + place if place else ""))


class GoroutineCommand(gdb.Command):
    """goroutine N COMMAND: run a gdb command with the stack of goroutine N (or all)."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def run(self, g, command):
        if g.status == "running":
            tid = int(g.g["w"]["tid"])
            for t in gdb.selected_inferior().threads():
                if tid in (t.ptid[1], t.ptid[2]):
                    t.switch()
                    gdb.execute(command)
                    return
            print("goroutine %d runs on thread %d, which is not here" % (g.id, tid))
            return
        PARKED.show(g)
        try:
            frame = gdb.newest_frame().older()
            if frame is None:
                raise gdb.GdbError("goroutine %d: its stack cannot be read" % g.id)
            frame.select()
            text = gdb.execute(command, to_string=True)
            # the newest frame is the thread's, and nothing to do with it
            print("\n".join(line for line in text.rstrip().split("\n")
                            if not line.startswith("#0 ")))
        finally:
            PARKED.hide()

    def invoke(self, arg, from_tty):
        words = arg.split(None, 1)
        if len(words) < 2 or not (words[0] == "all" or words[0].isdigit()):
            raise gdb.GdbError("usage: goroutine N|all COMMAND")
        chosen = [g for g in goroutines() if words[0] == "all" or g.id == int(words[0])]
        if not chosen:
            raise gdb.GdbError("there is no goroutine %s; see info goroutines" % words[0])
        thread = gdb.selected_thread()
        for g in chosen:
            if words[0] == "all":
                print("goroutine %d [%s]:" % (g.id, g.state()))
            try:
                self.run(g, words[1])
            finally:
                thread.switch()


class Channel:
    """print *(struct weft_chan *)c: values, and who waits."""

    def __init__(self, c):
        self.c = c

    def waiters(self, queue):
        ids = []
        n = self.c[queue]["head"]
        while int(n):
            ids.append(str(int(n["g"]["id"])))
            n = n["next"]
        return ids

    def to_string(self):
        text = "channel, %d of %d values of %d bytes" % (
            int(self.c["count"]), int(self.c["cap"]), int(self.c["elem"]))
        if int(self.c["closed"]):
            text += ", closed"
        for queue, what in (("sendq", "send"), ("recvq", "receive")):
            ids = self.waiters(queue)
            if ids:
                text += ", waiting to %s: %s" % (what, " ".join(ids))
        return text


def lookup(value):
    if value.type.strip_typedefs().tag == "weft_chan":
        return Channel(value)
    return None


gdb.pretty_printers.append(lookup)
InfoGoroutines()
GoroutineCommand()
