# weft-gdb.py - goroutines in gdb, also in a core file
#
#   info goroutines        number, state, what it waits for, what it runs, where it came from;
#                          more than ten alike are one line, info goroutines all: each
#   info deadlock          who waits for whose lock, circles first
#   goroutine 7 bt         a command with the stack of goroutine 7; all: of each
#   print c                a channel: its values, and who waits
#   print m                the same for mutexes, wait groups, conditions, contexts
#
# No register is written: a parked goroutine's stack is shown by an unwinder, which
# says that the newest frame was called from where the goroutine waits.
#
# There may be a hundred thousand goroutines, so their records are read as bytes.  Types and
# variables are asked of the runtime's own files: the program may have others by their names.

import struct

import gdb
import gdb.printing
from gdb.unwinder import Unwinder, register_unwinder

STATES = ["free", "runnable", "running", "waiting"]
LOCKS = ("mutex", "rwmutex read", "rwmutex write")
FEW = 10                        # are shown one by one
SLOT_SHIFT, RECORD = 16, 384    # the smallest slot; the record at its top: runtime.h
CLASS_STEP = 2                  # each class's slots are larger by so many powers of two
WG_ONE = 2                      # sync.c
LOCKED = 1                      # mutex.c
WRITER, READER = 1, 8           # readers.h


def var(name, file):
    return gdb.parse_and_eval("'weft/%s'::%s" % (file, name))


def record_type():
    return var("stack_owner", "stack.c").type.target().target()


def memory(addr, n):
    return gdb.selected_inferior().read_memory(addr, n).tobytes()


def at(addr, type):
    return gdb.Value(addr).cast(type.pointer()).dereference()


def object_type(function):
    """What the first parameter of a public function points to."""
    return gdb.parse_and_eval(function).type.fields()[0].type.target().strip_typedefs()


class Layout:
    """Where some members are in a record, for reading many of them."""

    FORMATS = {1: "B", 4: "i", 8: "Q"}

    def __init__(self, type, names):
        self.size = type.sizeof
        self.at = {}
        for name in names:
            field = type[name]
            self.at[name] = (field.bitpos // 8, self.FORMATS[field.type.sizeof])

    def get(self, data, name, base=0):
        offset, form = self.at[name]
        return struct.unpack_from(form, data, base + offset)[0]


class Goroutine:
    """A record that was read; or a task, which has no stack yet, and whose status is 1."""

    def __init__(self, addr, layout, data, base=0, task=False):
        self.addr = addr
        self.task = task
        self.id = layout.get(data, "id", base)
        self.site = layout.get(data, "site", base)
        self.status = 1 if task else layout.get(data, "status", base) & 3
        for name in ("reason", "object", "sp", "w"):
            setattr(self, name, 0 if task else layout.get(data, name, base))


class Snapshot:
    """All that is asked of the runtime's records, while the program stands still."""

    G = ("id", "site", "status", "reason", "object", "sp", "w")
    TASK = ("id", "site")

    def __init__(self):
        self.record = Layout(record_type(), self.G)
        self.sites = {}
        self.reasons = [name.string() for name in self.each(gdb.parse_and_eval("reason_name::name"))]
        self.regions = list(self.read_regions())

    @staticmethod
    def each(array):
        return [array[i] for i in range(array.type.range()[1] + 1)]

    @staticmethod
    def read_regions():
        arena = var("arena", "stack.c")
        for k, region in enumerate(Snapshot.each(var("region", "stack.c"))):
            base = int(arena["base"]) + (k << int(arena["region_shift"]))
            yield base, 1 << (SLOT_SHIFT + CLASS_STEP * k), int(region["open"])

    def read(self, addr):
        return Goroutine(addr, self.record, memory(addr, self.record.size))

    def stacks(self):
        for base, size, n in self.regions:
            for i in range(n):
                g = self.read(base + size * (i + 1) - RECORD)
                if g.status:
                    yield g

    def tasks(self):
        slab = var("slabs", "task.c")
        while int(slab):
            array = slab["task"]
            layout = Layout(array[0].type, self.TASK)
            base = int(array.address)
            data = memory(base, array.type.sizeof)
            for i in range(0, len(data), layout.size):
                if layout.get(data, "id", i):
                    yield Goroutine(base + i, layout, data, i, True)
            slab = slab["next"]

    def goroutines(self):
        found = list(self.stacks()) + list(self.tasks())
        return sorted(found, key=lambda g: g.id)

    def owner(self, addr):
        """The goroutine on whose stack an address is, or None."""
        for base, size, n in self.regions:
            if base <= addr < base + size * n:
                g = self.read(base + ((addr - base) // size + 1) * size - RECORD)
                return g if g.status else None
        return None

    def state(self, g):
        return STATES[g.status] if g.status != 3 else self.reasons[g.reason]

    def waits_for_lock(self, g):
        return g.status == 3 and g.object != 0 and self.reasons[g.reason] in LOCKS

    def holder(self, g):
        """Of the lock that g waits for, or None."""
        if not self.waits_for_lock(g):
            return None
        if self.reasons[g.reason] == "mutex":
            m = at(g.object, object_type("weft_mutex_lock"))
            return mutex_holder(self, m)
        m = at(g.object, object_type("weft_rwmutex_lock"))
        return rwmutex_holder(self, m)

    def origin(self, g):
        """What it runs, and where that was started."""
        if g.site not in self.sites:
            text = "?"
            if g.site:
                s = at(g.site, gdb.lookup_type("struct weft_site"))
                text = s["func"].string()
                if int(s["line"]):
                    text += "   spawned at %s:%d" % (s["file"].string(), int(s["line"]))
            self.sites[g.site] = text
        return self.sites[g.site]

    def describe(self, g):
        """As in the runtime's reports, after the number."""
        text = self.state(g)
        if self.waits_for_lock(g):
            text += " %#x" % g.object
            holder = self.holder(g)
            if holder:
                text += ", held by %d" % holder.id
        return "[%s] %s" % (text, self.origin(g))


def place_on_stack(value):
    return ~int(value) & (1 << 64) - 1


def mutex_holder(snapshot, m):
    if not int(m["state"]) & LOCKED:
        return None
    return snapshot.owner(place_on_stack(m["holder"]))


def rwmutex_holder(snapshot, m):
    if int(m["self"]) != int(m.address):
        return None
    return snapshot.owner(place_on_stack(m["holder"]))


# ---- stacks ----

class Machine:
    """What swap leaves on the stack of who sleeps: see swap_*.S."""

    def __init__(self, pc, sp, saved, frame):
        self.pc, self.sp = pc, sp
        self.saved = saved      # registers from low to high; the one that is pc is where it returns
        self.frame = frame      # bytes

    def registers(self, sp):
        words = struct.unpack("<%dQ" % len(self.saved), memory(sp, 8 * len(self.saved)))
        regs = dict(zip(self.saved, words))
        regs[self.sp] = sp + self.frame
        if self.pc not in regs:         # it returns by the link register
            regs[self.pc] = regs["x30"]
        return regs


X86 = Machine("rip", "rsp", ["r15", "r14", "r13", "r12", "rbx", "rbp", "rip"], 56)
ARM = Machine("pc", "sp", ["x%d" % i for i in range(19, 31)], 160)


def machine():
    name = gdb.selected_inferior().architecture().name()
    if "x86-64" in name:
        return X86
    if "aarch64" in name:
        return ARM
    raise gdb.GdbError("parked goroutines can be shown on x86-64 and AArch64 only")


class Parked(Unwinder):
    """While a goroutine is shown, it called the newest frame."""

    def __init__(self):
        super().__init__("weft-goroutine")
        self.saved = None
        self.top = None

    def show(self, g):
        self.machine = machine()
        gdb.invalidate_cached_frames()
        self.saved = None
        frame = gdb.newest_frame()
        self.top = (int(frame.read_register(self.machine.sp)), frame.pc())
        self.saved = self.machine.registers(g.sp)
        gdb.invalidate_cached_frames()

    def hide(self):
        self.saved = None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.saved is None:
            return None
        sp = pending.read_register(self.machine.sp)
        pc = pending.read_register(self.machine.pc)
        if (int(sp), int(pc)) != self.top:
            return None
        frame = type("FrameId", (), {"sp": sp, "pc": pc})
        info = pending.create_unwind_info(frame)
        for name, value in self.saved.items():
            word = pending.read_register(name).type
            info.add_saved_register(name, gdb.Value(value).cast(word))
        return info


PARKED = Parked()
register_unwinder(None, PARKED, replace=True)


# ---- commands ----

class InfoGoroutines(gdb.Command):
    """List goroutines: number, state, where each came from.
More than ten that are alike are one line; info goroutines all lists each."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STACK)

    def invoke(self, arg, from_tty):
        snapshot = Snapshot()
        alike = {}
        for g in snapshot.goroutines():
            alike.setdefault((g.id if arg == "all" else 0, g.status, g.reason, g.site,
                              g.object if snapshot.waits_for_lock(g) else 0), []).append(g)
        lines = []
        for some in alike.values():
            if len(some) > FEW:
                lines.append((some[0].id, "  %d goroutines %s   %s" % (
                    len(some), snapshot.describe(some[0]), few([str(g.id) for g in some]))))
                continue
            for g in some:
                star = "*" if STATES[g.status] == "running" else " "
                lines.append((g.id, "%s %-5d %s" % (star, g.id, snapshot.describe(g))))
        for _, line in sorted(lines):
            print(line)


def few(names):
    return " ".join(names[:FEW]) + (" ..." if len(names) > FEW else "")


class InfoDeadlock(gdb.Command):
    """Who waits for whose lock: circles, which will never end, and then the others."""

    def __init__(self):
        super().__init__("info deadlock", gdb.COMMAND_STACK)

    @staticmethod
    def circles(edges):
        """Each has one lock that it waits for, and that one holder."""
        seen = {}
        for start in edges:
            at, path = start, []
            while at in edges and at not in seen:
                seen[at] = start
                path.append(at)
                at = edges[at]
            if seen.get(at) == start and at in path:
                yield path[path.index(at):]

    def invoke(self, arg, from_tty):
        snapshot = Snapshot()
        waiting = {g.addr: g for g in snapshot.goroutines() if snapshot.waits_for_lock(g)}
        holders = {a: snapshot.holder(g) for a, g in waiting.items()}
        edges = {a: h.addr for a, h in holders.items() if h}
        told = set()
        for circle in self.circles(edges):
            if len(circle) == 1:
                print("deadlock: a goroutine waits for itself")
            else:
                print("deadlock: %d goroutines wait for each other" % len(circle))
            self.tell(snapshot, [waiting[a] for a in circle])
            told.update(circle)
        if not told:
            print("no goroutines wait for each other's locks")
        rest = [g for a, g in waiting.items() if a not in told]
        if rest:
            print("%swaiting for a lock:" % ("also " if told else ""))
            self.tell(snapshot, rest)

    def tell(self, snapshot, goroutines):
        for g in goroutines:
            print("  goroutine %d %s" % (g.id, snapshot.describe(g)))


class GoroutineCommand(gdb.Command):
    """goroutine N COMMAND: run a gdb command with the stack of goroutine N (or all)."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def run_thread(self, g, command):
        """One that runs has its stack where gdb looks for it."""
        worker = var("sched", "sched.c")["worker"][0].type.target()
        tid = int(at(g.w, worker)["tid"])
        for t in gdb.selected_inferior().threads():
            if tid in (t.ptid[1], t.ptid[2]):
                t.switch()
                gdb.execute(command)
                return
        print("goroutine %d runs on thread %d, which is not here" % (g.id, tid))

    def run(self, g, command):
        if g.task:
            print("goroutine %d has not run yet" % g.id)
            return
        if STATES[g.status] == "running":
            self.run_thread(g, command)
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
        snapshot = Snapshot()
        chosen = [g for g in snapshot.goroutines() if words[0] == "all" or g.id == int(words[0])]
        if not chosen:
            raise gdb.GdbError("there is no goroutine %s; see info goroutines" % words[0])
        thread = gdb.selected_thread()
        for g in chosen:
            if words[0] == "all":
                print("goroutine %d %s" % (g.id, snapshot.describe(g)))
            try:
                self.run(g, words[1])
            finally:
                thread.switch()


# ---- printers ----

def name_of(g):
    """g: the record of a goroutine, or of a thread that is none."""
    if int(g["kind"]) == 3:
        return "thread %d" % int(g["tid"])
    return str(int(g["id"]))


def waiting(queue, what="waiting"):
    """", waiting: 2 3", or nothing."""
    names = []
    n = queue["head"]
    while int(n) and len(names) <= FEW:
        names.append(name_of(n["g"]))
        n = n["next"]
    return ", %s: %s" % (what, few(names)) if names else ""


def by(holder):
    return " by %d" % holder.id if holder else ""


class Text:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return self.text(self.value)


class Mutex(Text):
    def text(self, m):
        if not int(m["state"]) & LOCKED:
            return "mutex, free"
        return "mutex, locked" + by(mutex_holder(Snapshot(), m)) + waiting(m["waiters"])


class RWMutex(Text):
    def text(self, m):
        state = int(m["state"])
        readers = state // READER + self.in_slots(int(m.address))
        text = "rwmutex, free"
        if state & WRITER:
            text = "rwmutex, locked" + by(rwmutex_holder(Snapshot(), m))
        elif readers:
            text = "rwmutex, read by %d" % readers
        return text + waiting(m["waiters"])

    @staticmethod
    def in_slots(addr):
        """Readers that are counted in the slots of their workers."""
        sched = var("sched", "sched.c")
        found = 0
        for i in range(int(sched["nworkers"])):
            slots = sched["worker"][i]["readers"]
            data = memory(int(slots.address), slots.type.sizeof)
            found += struct.unpack("<%dQ" % (len(data) // 8), data).count(addr)
        return found


class WaitGroup(Text):
    def text(self, wg):
        return "wait group, %d to go" % (int(wg["count"]) // WG_ONE) + waiting(wg["waiters"])


class Cond(Text):
    def text(self, c):
        return "condition" + (waiting(c["waiters"]) or ", nobody waits")


class Once(Text):
    def text(self, once):
        if int(once["done"]):
            return "once, done"
        m = once["m"]
        if int(m["state"]) & LOCKED:
            return "once, under way" + by(mutex_holder(Snapshot(), m)) + waiting(m["waiters"])
        return "once, not done"


class Context(Text):
    def text(self, ctx):
        text = "context"
        if int(ctx["err"]):
            text += ", ended: %d" % int(ctx["err"])
            if int(ctx["cause"]) != int(ctx["err"]):
                text += ", cause %d" % int(ctx["cause"])
        else:
            text += ", not ended"
        if int(ctx["deadline"]) != (1 << 63) - 1:
            text += ", deadline %.3f s on weft_now's clock" % (int(ctx["deadline"]) / 1e9)
        if int(ctx["key"]):
            text += ", value %#x" % int(ctx["value"])
        children = self.count(ctx["children"])
        if children:
            text += ", %d children" % children
        if int(ctx["parent"]):
            text += ", of %#x" % int(ctx["parent"])
        return text + waiting(ctx["done"]["recvq"])

    @staticmethod
    def count(head):
        n, e = 0, head["next"]
        while int(e) != int(head.address) and n < 100000:
            n += 1
            e = e["next"]
        return n


class Channel:
    """Its elements' type is known from a variable's, or from the name that it was made with."""

    def __init__(self, c, elem):
        self.c = c
        self.elem = elem or self.made_of()

    def made_of(self):
        site = self.c["track"]["site"]
        try:
            type = gdb.lookup_type(site["func"].string()) if int(site) else None
        except gdb.error:
            return None
        return type if type and type.sizeof == int(self.c["elem"]) else None

    def to_string(self):
        c = self.c
        values = "%d of %d values" % (int(c["count"]), int(c["cap"]))
        if self.elem:
            text = "channel of %s, %s" % (self.elem, values)
        else:
            text = "channel, %s of %d bytes" % (values, int(c["elem"]))
        if int(c["closed"]):
            text += ", closed"
        return text + waiting(c["sendq"], "waiting to send") + \
            waiting(c["recvq"], "waiting to receive")

    def children(self):
        n, cap, head = (int(self.c[name]) for name in ("count", "cap", "head"))
        buf = int(self.c["buf"].address)
        for i in range(n if self.elem else 0):
            place = buf + (head + i) % cap * self.elem.sizeof
            yield str(i), at(place, self.elem)

    def display_hint(self):
        return "array"


def handle_of(type):
    """weft_chan(T) is T (*)(struct weft_chan *): T, or None."""
    if type.code != gdb.TYPE_CODE_PTR:
        return None
    f = type.target().strip_typedefs()
    if f.code != gdb.TYPE_CODE_FUNC or len(f.fields()) != 1:
        return None
    arg = f.fields()[0].type.strip_typedefs()
    if arg.code != gdb.TYPE_CODE_PTR or arg.target().strip_typedefs().tag != "weft_chan":
        return None
    return f.target()


class Printers(gdb.printing.PrettyPrinter):
    STRUCTS = {"weft_mutex": Mutex, "weft_rwmutex": RWMutex, "weft_waitgroup": WaitGroup,
               "weft_cond": Cond, "weft_once": Once, "weft_ctx": Context}

    def __init__(self):
        super().__init__("weft")

    def __call__(self, value):
        type = value.type.strip_typedefs()
        if type.code == gdb.TYPE_CODE_STRUCT:
            if type.tag == "weft_chan":
                return Channel(value, None)
            printer = self.STRUCTS.get(type.tag)
            return printer(value) if printer else None
        elem = handle_of(type)
        if elem is None or int(value) == 0:
            return None
        made = object_type("weft_chan_free_")
        return Channel(at(int(value), made), elem)


gdb.printing.register_pretty_printer(None, Printers(), replace=True)
InfoGoroutines()
InfoDeadlock()
GoroutineCommand()
