/*
 * dwarf.c - source lines for addresses; see dwarf.h
 *
 * .debug_line holds units, and a unit a program for a small machine, which gives
 * rows (address, file, line).  Rows come in sequences of ascending addresses,
 * each of which can be decoded alone.  We list the sequences once, and decode one
 * for a look-up.
 */
#include "dwarf.h"

#include <string.h>

#include "../base/sort.h"
#include "pages.h"

/* A unit of .debug_line: the tables of file names and the program. */
struct unit {
	const struct lines *l;
	size_t		 offset;
	unsigned	 version, word;	/* word: size of an offset       */
	unsigned	 min_inst, line_range, opcode_base;
	int		 line_base;
	const uint8_t	*operands;	/* of each standard opcode       */
	struct cursor	 tables, program;
};

struct row { uintptr_t pc; uint64_t file; uint32_t line; bool end; };
struct machine { const struct unit *u; struct cursor c; struct row row; };

/*
 * Reading
 */
struct cursor cursor_at(struct section s, uint64_t offset)
{
	if (offset > s.n)
		return (struct cursor){ .bad = true };
	return (struct cursor){ .p = s.p + offset, .end = s.p + s.n };
}

static bool more(const struct cursor *c) { return !c->bad && c->p < c->end; }

static void spoil(struct cursor *c)
{
	c->bad = true;
	c->p = c->end;
}

const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > (uint64_t)(c->end - c->p)) {
		spoil(c);
		return NULL;
	}
	c->p += n;
	return p;
}

static uint64_t number(struct cursor *c, uint64_t size)
{
	const uint8_t *p = cursor_take(c, size);
	uint64_t v = 0;

	if (p && size <= sizeof v)
		memcpy(&v, p, size);	/* both our machines are little-endian */
	return v;
}

static uint64_t uleb(struct cursor *c)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = number(c, 1);
		if (shift < 64)
			v |= (byte & 127) << shift;
		shift += 7;
	} while (byte & 128);
	return v;
}

static int64_t sleb(struct cursor *c)
{
	const uint8_t *start = c->p;
	uint64_t v = uleb(c);
	size_t bits = 7 * (size_t)(c->p - start);

	if (bits > 0 && bits < 64 && v >> (bits - 1))
		v |= ~(uint64_t)0 << bits;
	return (int64_t)v;
}

static const char *string(struct cursor *c)
{
	const uint8_t *nul = more(c) ? memchr(c->p, 0, (size_t)(c->end - c->p)) : NULL;

	if (!nul) {
		spoil(c);
		return "";
	}
	return (const char *)cursor_take(c, (uint64_t)(nul - c->p) + 1);
}

const char *section_string(struct section s, uint64_t offset)
{
	struct cursor c = cursor_at(s, offset);

	return string(&c);
}

/*
 * DWARF: units and rows
 */
static void read_header(struct unit *u, struct cursor c)
{
	uint64_t length;

	u->version = (unsigned)number(&c, 2);
	if (u->version >= 5)
		number(&c, 2);		/* sizes of an address and of a segment selector */
	length = number(&c, u->word);
	u->program = u->tables = c;
	if (u->version < 2 || u->version > 5 || !cursor_take(&u->program, length)) {
		spoil(&u->program);
		return;
	}
	u->tables.end = u->program.p;
	u->min_inst = (unsigned)number(&u->tables, 1);
	if (u->version >= 4)
		number(&u->tables, 1);	/* operations per instruction: 1 on our machines */
	number(&u->tables, 1);
	u->line_base = (int8_t)number(&u->tables, 1);
	u->line_range = (unsigned)number(&u->tables, 1);
	u->opcode_base = (unsigned)number(&u->tables, 1);
	u->operands = cursor_take(&u->tables, u->opcode_base ? u->opcode_base - 1 : 0);
	if (u->tables.bad || !u->line_range || !u->opcode_base)
		spoil(&u->program);
}

/* Moves c over one unit.  False: the end.  A unit we cannot read has no program. */
static bool next_unit(const struct lines *l, struct cursor *c, struct unit *u)
{
	struct cursor body;
	uint64_t length;

	*u = (struct unit){ .l = l, .offset = (size_t)(c->p - l->line.p), .word = 4 };
	if (!more(c))
		return false;
	length = number(c, 4);
	if (length == 0xffffffff) {
		u->word = 8;
		length = number(c, 8);
	}
	body = *c;
	if (!cursor_take(c, length))
		return false;
	body.end = c->p;
	read_header(u, body);
	return true;
}

static const struct row first_row = { .file = 1, .line = 1 };

static void advance(struct machine *k, uint64_t by) { k->row.pc += by * k->u->min_inst; }

/* Adds what a special opcode stands for. */
static void special(struct machine *k, unsigned op)
{
	op -= k->u->opcode_base;
	advance(k, op / k->u->line_range);
	k->row.line += (uint32_t)(k->u->line_base + (int)(op % k->u->line_range));
}

static void extended(struct machine *k)
{
	enum { END_SEQUENCE = 1, SET_ADDRESS = 2 };
	uint64_t length = uleb(&k->c);
	struct cursor c = k->c;
	uint64_t op;

	if (!cursor_take(&k->c, length))
		return;
	c.end = k->c.p;
	op = number(&c, 1);
	if (op == SET_ADDRESS)
		k->row.pc = number(&c, (uint64_t)(c.end - c.p));
	else if (op == END_SEQUENCE)
		k->row.end = true;
}

/* True: it gives a row. */
static bool standard(struct machine *k, unsigned op)
{
	enum { EXTENDED, COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE,
	    CONST_ADD_PC = 8, FIXED_ADVANCE_PC };

	switch (op) {
	case EXTENDED:
		extended(k);
		return k->row.end;
	case COPY:
		return true;
	case ADVANCE_PC:
		advance(k, uleb(&k->c));
		return false;
	case ADVANCE_LINE:
		k->row.line += (uint32_t)sleb(&k->c);
		return false;
	case SET_FILE:
		k->row.file = uleb(&k->c);
		return false;
	case CONST_ADD_PC:
		advance(k, (255 - k->u->opcode_base) / k->u->line_range);
		return false;
	case FIXED_ADVANCE_PC:
		k->row.pc += number(&k->c, 2);
		return false;
	}
	for (unsigned n = k->u->operands[op - 1]; n > 0; n--)
		uleb(&k->c);
	return false;
}

static bool next_row(struct machine *k)
{
	if (k->row.end)
		k->row = first_row;
	while (more(&k->c)) {
		unsigned op = (unsigned)number(&k->c, 1);

		if (op >= k->u->opcode_base) {
			special(k, op);
			return true;
		}
		if (standard(k, op))
			return !k->c.bad;
	}
	return false;
}

/*
 * DWARF: file names
 */
static const uint64_t NOBODY = UINT64_MAX;
struct entry { const char *path; uint64_t dir; };

static const char *read_form(const struct unit *u, struct cursor *c, uint64_t form,
    uint64_t *value)
{
	*value = 0;
	switch (form) {
	case 0x08:				/* string */
		return string(c);
	case 0x0e:				/* strp */
		return section_string(u->l->str, number(c, u->word));
	case 0x1f:				/* line_strp */
		return section_string(u->l->line_str, number(c, u->word));
	case 0x0b:				/* data1 */
		*value = number(c, 1);
		break;
	case 0x05:				/* data2 */
		*value = number(c, 2);
		break;
	case 0x06:				/* data4 */
		*value = number(c, 4);
		break;
	case 0x07:				/* data8 */
		*value = number(c, 8);
		break;
	case 0x0f:				/* udata */
		*value = uleb(c);
		break;
	case 0x1e:				/* data16: a checksum */
		cursor_take(c, 16);
		break;
	case 0x09:				/* block */
		cursor_take(c, uleb(c));
		break;
	default:
		spoil(c);
	}
	return "";
}

/* One of version 5's tables: moves c over it and returns the entry wanted. */
static struct entry table5(const struct unit *u, struct cursor *c, uint64_t want)
{
	enum { PATH = 1, DIRECTORY = 2, COLUMNS = 8 };
	uint64_t type[COLUMNS], form[COLUMNS], value;
	uint64_t columns = number(c, 1), rows;
	struct entry found = { "", 0 };

	for (uint64_t i = 0; i < columns && i < COLUMNS; i++) {
		type[i] = uleb(c);
		form[i] = uleb(c);
	}
	rows = uleb(c);
	if (columns > COLUMNS || columns == 0)
		return found;
	for (uint64_t r = 0; r < rows && !c->bad; r++) {
		for (uint64_t i = 0; i < columns; i++) {
			const char *s = read_form(u, c, form[i], &value);

			if (r == want && type[i] == PATH)
				found.path = s;
			else if (r == want && type[i] == DIRECTORY)
				found.dir = value;
		}
	}
	return found;
}

/* Versions 2 to 4: directories, then files, both counted from 1. */
static const char *dirs4(struct cursor *c, uint64_t want)
{
	const char *s, *found = "";

	for (uint64_t i = 1; *(s = string(c)); i++)
		if (i == want)
			found = s;
	return found;
}

static struct entry files4(struct cursor *c, uint64_t want)
{
	struct entry e;

	for (uint64_t i = 1; *(e.path = string(c)); i++) {
		e.dir = uleb(c);
		uleb(c);		/* time and size */
		uleb(c);
		if (i == want)
			return e;
	}
	return (struct entry){ "", 0 };
}

/*
 * Directory 0 is where the compiler ran: what is relative to it needs none.  The
 * rest of an absolute name says where somebody's machine keeps things.
 */
static bool file_name(const struct unit *u, uint64_t file, struct line *out)
{
	struct cursor c = u->tables, again = u->tables;
	struct entry e;

	if (u->version >= 5) {
		table5(u, &c, NOBODY);
		e = table5(u, &c, file);
		out->dir = e.dir ? table5(u, &again, e.dir).path : "";
	} else {
		dirs4(&c, NOBODY);
		e = files4(&c, file);
		out->dir = e.dir ? dirs4(&again, e.dir) : "";
	}
	if (*out->dir == '/' || *e.path == '/' || !strcmp(out->dir, "."))
		out->dir = "";
	out->file = *e.path == '/' ? strrchr(e.path, '/') + 1 : e.path;
	return *out->file;
}

/*
 * The list of sequences
 */
static bool grow(struct lines *l)
{
	size_t cap = l->cap ? 2 * l->cap : 1024;
	struct sequence *bigger = pages_grow(l->seq, l->cap * sizeof *bigger,
	    cap * sizeof *bigger);

	if (!bigger)
		return false;
	l->seq = bigger;
	l->cap = cap;
	return true;
}

/* What the linker threw away was moved to 0 or so: not among our segments. */
static void add_sequence(struct lines *l, struct sequence s)
{
	if (s.lo < l->lo || s.hi > l->hi || s.lo >= s.hi)
		return;
	if (l->nseq < l->cap || grow(l))
		l->seq[l->nseq++] = s;
}

static void list_unit(struct lines *l, const struct unit *u)
{
	struct machine k = { .u = u, .c = u->program, .row = first_row };
	struct sequence s = { .unit = u->offset };

	for (bool inside = false; ; inside = !k.row.end) {
		if (!inside)
			s.start = (size_t)(k.c.p - l->line.p);
		if (!next_row(&k))
			return;
		if (!inside)
			s.lo = k.row.pc;
		s.hi = k.row.pc;
		if (k.row.end)
			add_sequence(l, s);
	}
}

void lines_list(struct lines *l)
{
	struct cursor c = cursor_at(l->line, 0);
	struct unit u;

	while (next_unit(l, &c, &u))
		list_unit(l, &u);
	sort_by(l->seq, l->nseq, lo);
}

/* The last row at or before addr, as addr is before the next. */
static bool find_row(const struct lines *l, const struct sequence *s, uintptr_t addr,
    struct line *out)
{
	struct cursor c = cursor_at(l->line, s->unit);
	struct row last = first_row;
	struct unit u;

	if (!next_unit(l, &c, &u))
		return false;
	struct machine k = { .u = &u, .c = cursor_at(l->line, s->start), .row = first_row };
	k.c.end = u.program.end;
	for (bool any = false; !k.row.end && next_row(&k); any = true, last = k.row) {
		if (!any || last.pc > addr || k.row.pc <= addr)
			continue;
		out->line = (int)last.line;
		return out->line > 0 && file_name(&u, last.file, out);
	}
	return false;
}

bool lines_find(const struct lines *l, uintptr_t addr, struct line *out)
{
	size_t lo = 0, hi = l->nseq;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->seq[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo-- > 0)
		if (addr < l->seq[lo].hi)
			return find_row(l, &l->seq[lo], addr, out);
	return false;
}
