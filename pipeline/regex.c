/*
 * regex.c - patterns by PCRE2: compiled once, matched by any number of goroutines
 *
 * Patterns and texts are bytes.  Logs have broken UTF-8 in them, and a pattern that holds
 * whole UTF-8 letters finds them all the same; (*UTF) is refused, because the fast way
 * into the JIT's code does not look whether the text is well-formed.
 *
 * The JIT's code keeps its backtracking on a stack of the scratch's; without one it would
 * take 32 KiB of the goroutine's.  The interpreter, where there is no JIT, keeps it on
 * the heap.  Compiling recurses with the nesting of the pattern, which is limited for the
 * same reason.
 *
 * PCRE2's limit is for one place where a match might begin.  In a long text there are
 * many, and \w+@ looks at all of a megabyte of letters from each: so long texts are
 * searched a stretch of places at a time, as many as a millisecond or so allows, until there
 * is a match, or no patience left.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <pcre2.h>
#include <stdlib.h>
#include <time.h>

#include "when.h"

#define MATCH_LIMIT	1000000		/* steps from one place in the text: some milliseconds */
#define DEPTH_LIMIT	100000		/* the interpreter's nested backtracking */
#define HEAP_LIMIT	(8 << 10)	/* KiB for it */
#define NEST_LIMIT	60		/* parentheses in a pattern */
#define JIT_STACK	(512 << 10)	/* bytes at most; 16 KiB to begin with */
#define LONG_TEXT	(16 << 10)	/* bytes; below it the worst takes a tenth of a second */
#define PATIENCE	500000000	/* ns for one search in a longer one */
#define PAIRS		32		/* groups that there is room for from the start */

struct group { const char *name; int number; };

struct regex {
	pcre2_code	*code;
	bool		 jit;
	uint32_t	 pairs;		/* groups, and the whole match */
	struct group	*groups;	/* the named ones; names are in code */
	int		 ngroups;
};

struct scratch {
	pcre2_match_data *data;
	uint32_t	 pairs;		/* that data has room for */
	pcre2_match_context *context;
	pcre2_jit_stack	*stack;
	struct buf	 room;
	struct when	 when;
};

/* What needs only memory cannot fail. */
static void *
must(void *p)
{
	assert_always(p != NULL);
	return p;
}

struct scratch *
scratch_new(void)
{
	struct scratch *s = xcalloc(1, sizeof(*s));

	s->pairs = PAIRS;
	s->data = must(pcre2_match_data_create(PAIRS, NULL));
	s->context = must(pcre2_match_context_create(NULL));
	pcre2_set_match_limit(s->context, MATCH_LIMIT);
	pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(s->context, HEAP_LIMIT);
	/* NULL where PCRE2 was built without its JIT: then nothing will ask for it */
	s->stack = pcre2_jit_stack_create(16 << 10, JIT_STACK, NULL);
	pcre2_jit_stack_assign(s->context, NULL, s->stack);
	return s;
}

void
scratch_free(struct scratch *s)
{
	if (!s)
		return;
	pcre2_match_data_free(s->data);
	pcre2_match_context_free(s->context);
	pcre2_jit_stack_free(s->stack);
	buf_finish(&s->room);
	free(s);
}

struct buf *
scratch_room(struct scratch *s)
{
	return &s->room;
}

struct when *
scratch_when(struct scratch *s)
{
	return &s->when;
}

static int
by_number(const void *a, const void *b)
{
	return ((const struct group *)a)->number - ((const struct group *)b)->number;
}

/* PCRE2 has them sorted by name: two bytes of number, the name, its NUL, and so on. */
static void
find_groups(struct regex *r)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &n);
	pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &table);
	r->ngroups = n;
	r->groups = n ? xcalloc(n, sizeof(*r->groups)) : NULL;
	for (uint32_t i = 0; i < n; i++, table += size)
		r->groups[i] = (struct group){ (const char *)table + 2,
		    table[0] << 8 | table[1] };
	if (n)
		qsort(r->groups, n, sizeof(*r->groups), by_number);
}

static bool
parse_flags(const char *flags, uint32_t *options, struct buf *err)
{
	for (; flags && *flags; flags++) {
		if (*flags != 'i') {
			buf_printf(err, "unknown flag %c after a pattern: the only one is i,"
			    " which ignores case", *flags);
			return false;
		}
		*options |= PCRE2_CASELESS;
	}
	return true;
}

static void
explain(struct buf *err, const char *pattern, int code, size_t at)
{
	PCRE2_UCHAR text[160];

	if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
		text[0] = '\0';
	buf_printf(err, "pattern \"%s\": %s, at byte %zu", pattern, (const char *)text, at + 1);
}

static pcre2_code *
compile(const char *pattern, uint32_t options, struct buf *err)
{
	pcre2_compile_context *context = must(pcre2_compile_context_create(NULL));
	pcre2_code *code;
	size_t at;
	int error;

	pcre2_set_parens_nest_limit(context, NEST_LIMIT);
	code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &at,
	    context);
	pcre2_compile_context_free(context);
	if (!code)
		explain(err, pattern, error, at);
	return code;
}

struct regex *
regex_new(const char *pattern, const char *flags, struct buf *err)
{
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_USE_OFFSET_LIMIT;
	uint32_t groups = 0;
	size_t size = 0;
	struct regex *r;
	pcre2_code *code;

	if (!parse_flags(flags, &options, err))
		return NULL;
	code = compile(pattern, options, err);
	if (!code)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->code = code;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	r->pairs = groups + 1;
	/* no memory that may be executed, or (*NO_JIT) in the pattern: the interpreter does it */
	if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0)
		pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size);
	r->jit = size > 0;
	find_groups(r);
	return r;
}

void
regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	free(r->groups);
	free(r);
}

int
regex_groups(const struct regex *r)
{
	return r->ngroups;
}

const char *
regex_group(const struct regex *r, int i, int *number)
{
	*number = r->groups[i].number;
	return r->groups[i].name;
}

static void
make_room(struct scratch *s, uint32_t pairs)
{
	pcre2_match_data_free(s->data);
	s->pairs = pairs;
	s->data = must(pcre2_match_data_create(pairs, NULL));
}

static int
match(const struct regex *r, struct scratch *s, PCRE2_SPTR p, size_t len, size_t from)
{
	if (r->jit)
		return pcre2_jit_match(r->code, p, len, from, 0, s->data, s->context);
	return pcre2_match(r->code, p, len, from, 0, s->data, s->context);
}

static int64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The stretch doubles while it takes little time, so that most searches are a few calls. */
static int
match_long(const struct regex *r, struct scratch *s, PCRE2_SPTR p, size_t len, size_t from)
{
	int64_t start = clock_ns(), before = start, now;
	size_t stretch = 64;
	int n;

	for (;;) {
		bool last = len - from <= stretch;

		pcre2_set_offset_limit(s->context, last ? PCRE2_UNSET : from + stretch - 1);
		n = match(r, s, p, len, from);
		if (last || n != PCRE2_ERROR_NOMATCH)
			break;
		now = clock_ns();
		if (now - start > PATIENCE) {
			n = PCRE2_ERROR_MATCHLIMIT;
			break;
		}
		from += stretch;
		if (now - before < 1000000)
			stretch *= 2;
		else if (now - before > 4000000 && stretch > 1)
			stretch /= 2;
		before = now;
	}
	pcre2_set_offset_limit(s->context, PCRE2_UNSET);
	return n;
}

bool
regex_match(const struct regex *r, struct scratch *s, const char *text, size_t len,
    size_t from, const size_t **at, bool *limited)
{
	PCRE2_SPTR p = (PCRE2_SPTR)(text ? text : "");
	int n;

	if (limited)
		*limited = false;
	if (from > len)
		return false;
	if (r->pairs > s->pairs)
		make_room(s, r->pairs);
	n = len - from <= LONG_TEXT ? match(r, s, p, len, from) : match_long(r, s, p, len, from);
	if (n < 0) {
		if (limited)
			*limited = n != PCRE2_ERROR_NOMATCH;
		return false;
	}
	if (at)
		*at = pcre2_get_ovector_pointer(s->data);
	return true;
}
