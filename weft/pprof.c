/*
 * pprof.c - the profile.proto format, uncompressed, which every pprof reads
 *
 * A message is a sequence of fields, each with its number and its kind: a varint, or
 * bytes with their length.  Strings, functions and places are numbered as they come and
 * written at the end; number 0 of the strings is the empty one.
 */
#include "pprof.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/buf.h"
#include "module.h"
#include "runtime.h"
#include "symbol.h"
#include "unwind.h"

/* Numbers of fields, by message. */
enum { P_TYPE = 1, P_SAMPLE = 2, P_MAPPING = 3, P_LOCATION = 4, P_FUNCTION = 5, P_STRING = 6,
	P_TIME = 9, P_DURATION = 10, P_PERIOD_TYPE = 11, P_PERIOD = 12 };

struct numbers {			/* of what has been seen: open addressing */
	struct number { uint64_t hash, n; } *at;
	size_t		  n, room;
};

struct code { uintptr_t lo, hi, base; char *name; };

struct pprof {
	struct buf	 out;
	struct code	*code;			/* the program's and its libraries'  */
	size_t		 ncode;
	struct buf	 strings, functions, places;	/* to be written at the end */
	struct numbers	 string, function, place;
	size_t		 ntypes;
};

static void varint(struct buf *b, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		buf_addc(b, (char)(v | 128));
	buf_addc(b, (char)v);
}

static void field(struct buf *b, int number, uint64_t v)
{
	if (!v)
		return;			/* is what a missing one means */
	varint(b, (uint64_t)number << 3);
	varint(b, v);
}

static void bytes(struct buf *b, int number, const void *p, size_t n)
{
	varint(b, (uint64_t)number << 3 | 2);
	varint(b, n);
	buf_add(b, p, n);
}

static void message(struct buf *b, int number, struct buf *m)
{
	bytes(b, number, m->data, m->len);
	m->len = 0;
}

/* Its number, from 1 on; 0: it is new, and has the next. */
static uint64_t *number_of(struct numbers *k, uint64_t hash)
{
	struct numbers old = *k;
	size_t i;

	if (2 * (k->n + 1) > k->room) {
		k->room = k->room ? 2 * k->room : 256;
		k->at = xcalloc(k->room, sizeof *k->at);
		k->n = 0;
		for (i = 0; i < old.room; i++)
			if (old.at[i].n)
				*number_of(k, old.at[i].hash) = old.at[i].n;
		free(old.at);
	}
	for (i = hash & (k->room - 1); k->at[i].n && k->at[i].hash != hash;
	    i = (i + 1) & (k->room - 1))
		;
	if (!k->at[i].n) {
		k->at[i] = (struct number){ hash, 0 };
		k->n++;
	}
	return &k->at[i].n;
}

/* FNV-1a: two texts that share one of 2^64 share a number, too. */
static uint64_t hash_of(const char *s, uint64_t h)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

enum { SEED = 0x1505 };

static uint64_t string(struct pprof *p, const char *s)
{
	uint64_t *n = number_of(&p->string, hash_of(s, SEED));

	if (*n)
		return *n;
	*n = p->string.n;
	bytes(&p->strings, P_STRING, s, strlen(s));
	return *n;
}

static uint64_t function(struct pprof *p, const char *name, const char *file)
{
	uint64_t *n = number_of(&p->function, hash_of(file, hash_of(name, SEED)));
	struct buf m = {0};

	if (*n)
		return *n;
	*n = p->function.n;
	field(&m, 1, *n);
	field(&m, 2, string(p, name));
	field(&m, 3, string(p, name));
	field(&m, 4, string(p, file));
	message(&p->functions, P_FUNCTION, &m);
	buf_finish(&m);
	return p->function.n;
}

/* As reports call it: without what the compiler appends to its clones (".part.0"). */
static uint64_t named(struct pprof *p, const struct symbol *s)
{
	struct buf name = {0};
	uint64_t n;

	buf_printf(&name, "%.*s", (int)strcspn(s->func, "."), s->func);
	n = function(p, buf_str(&name), s->file ? s->file : "");
	buf_finish(&name);
	return n;
}

/* Its number, from 1 on, or 0. */
static size_t code_of(const struct pprof *p, uintptr_t pc)
{
	for (size_t i = 0; i < p->ncode; i++)
		if (pc - p->code[i].lo < p->code[i].hi - p->code[i].lo)
			return i + 1;
	return 0;
}

/* A function without a name has an address in its library, and that its samples share. */
static uint64_t nameless(struct pprof *p, size_t code, uintptr_t pc)
{
	uintptr_t begin = unwind_function(pc);
	struct buf name = {0};
	uint64_t n;

	if (!code)
		return function(p, "?", "");
	buf_adds(&name, p->code[code - 1].name);
	if (begin)
		buf_printf(&name, "+%#jx", (uintmax_t)(begin - p->code[code - 1].base));
	n = function(p, buf_str(&name), "");
	buf_finish(&name);
	return n;
}

static uint64_t place(struct pprof *p, uintptr_t pc, const struct symbol *s)
{
	uint64_t *n = number_of(&p->place, (uint64_t)pc * UINT64_C(0x9e3779b97f4a7c15) | 1), id;
	struct buf m = {0}, line = {0};
	size_t code;

	if (*n)
		return *n;
	id = *n = p->place.n;
	code = code_of(p, pc);
	field(&m, 1, id);
	field(&m, 2, code);
	field(&m, 3, (uint64_t)pc);
	field(&line, 1, s->func ? named(p, s) : nameless(p, code, pc));
	field(&line, 2, (uint64_t)s->line);
	message(&m, 4, &line);
	message(&p->places, P_LOCATION, &m);
	buf_finish(&m);
	buf_finish(&line);
	return id;
}

/* The functions' names are in the file, and those of the program's lines. */
static void mapping(const struct module_code *m, void *arg)
{
	struct pprof *p = arg;
	char path[4096] = "", *slash;
	struct buf b = {0}, id = {0};

	if (*m->path)
		snprintf(path, sizeof path, "%s", m->path);
	else if (readlink("/proc/self/exe", path, sizeof path - 1) < 0)
		*path = '\0';
	slash = strrchr(path, '/');
	p->code = xrealloc(p->code, (p->ncode + 1) * sizeof *p->code);
	p->code[p->ncode++] = (struct code){ m->lo, m->hi, m->base,
	    xstrdup(slash ? slash + 1 : path) };
	for (size_t i = 0; i < m->id_size; i++)
		buf_printf(&id, "%02x", m->id[i]);
	field(&b, 1, p->ncode);
	field(&b, 2, m->lo);
	field(&b, 3, m->hi);
	field(&b, 4, m->offset);
	field(&b, 5, string(p, path));
	field(&b, 6, string(p, buf_str(&id)));
	for (int has = 7; has <= (p->ncode == 1 ? 9 : 7); has++)
		field(&b, has, 1);
	message(&p->out, P_MAPPING, &b);
	buf_finish(&b);
	buf_finish(&id);
}

static void value_type(struct pprof *p, int number, const struct pprof_type *t)
{
	struct buf m = {0};

	field(&m, 1, string(p, t->type));
	field(&m, 2, string(p, t->unit));
	message(&p->out, number, &m);
	buf_finish(&m);
}

struct pprof *pprof_new(const struct pprof_type *types, size_t n, int64_t period)
{
	struct pprof *p = xcalloc(1, sizeof *p);

	bytes(&p->strings, P_STRING, "", 0);
	p->ntypes = n;
	module_each(mapping, p);
	for (size_t i = 0; i < n; i++)
		value_type(p, P_TYPE, &types[i]);
	if (period) {
		value_type(p, P_PERIOD_TYPE, &types[n - 1]);
		field(&p->out, P_PERIOD, (uint64_t)period);
	}
	return p;
}

static void label(struct pprof *p, struct buf *sample, const char *key, const char *value)
{
	struct buf m = {0};

	field(&m, 1, string(p, key));
	field(&m, 2, string(p, value));
	message(sample, 3, &m);
	buf_finish(&m);
}

/* The runtime's frames below a goroutine's first function tell nothing. */
static bool is_root(const struct symbol *s)
{
	static const char *const names[] = { "goroutine_main", "swap_entry", "call" };

	for (size_t i = 0; s->func && i < sizeof names / sizeof *names; i++)
		if (strcmp(s->func, names[i]) == 0)
			return true;
	return false;
}

void pprof_add(struct pprof *p, void *const *pcs, size_t n, const int64_t *values,
    const struct weft_site *site, const char *state)
{
	struct buf m = {0}, packed = {0}, where = {0};

	for (size_t i = 0; i < n; i++) {
		uintptr_t pc = (uintptr_t)pcs[i] - 1;	/* in the call, not behind it */
		struct symbol s = {0};

		symbol_find(pc, &s);
		if (is_root(&s))
			break;
		varint(&packed, place(p, pc, &s));
	}
	message(&m, 1, &packed);
	for (size_t i = 0; i < p->ntypes; i++)
		varint(&packed, (uint64_t)values[i]);
	message(&m, 2, &packed);
	if (state)
		label(p, &m, "state", state);
	if (site) {
		label(p, &m, "goroutine", site->func);
		buf_printf(&where, "%s:%d", site->file, site->line);
		label(p, &m, "spawned", buf_str(&where));
	}
	message(&p->out, P_SAMPLE, &m);
	buf_finish(&m);
	buf_finish(&packed);
	buf_finish(&where);
}

static int write_file(const struct buf *b, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < b->len; ) {
		ssize_t n = write(fd, b->data + done, b->len - done);

		if (n < 0 && errno != EINTR) {
			close(fd);
			return -EIO;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	return close(fd) ? -EIO : 0;
}

int pprof_write(struct pprof *p, const char *path, int64_t duration)
{
	struct timespec now;
	int err;

	clock_gettime(CLOCK_REALTIME, &now);
	buf_add(&p->out, p->places.data, p->places.len);
	buf_add(&p->out, p->functions.data, p->functions.len);
	buf_add(&p->out, p->strings.data, p->strings.len);
	field(&p->out, P_TIME, (uint64_t)(now.tv_sec * WEFT_SECOND + now.tv_nsec));
	field(&p->out, P_DURATION, (uint64_t)duration);
	err = write_file(&p->out, path);
	buf_finish(&p->out);
	buf_finish(&p->places);
	buf_finish(&p->functions);
	buf_finish(&p->strings);
	free(p->string.at);
	free(p->function.at);
	free(p->place.at);
	for (size_t i = 0; i < p->ncode; i++)
		free(p->code[i].name);
	free(p->code);
	free(p);
	return err;
}
