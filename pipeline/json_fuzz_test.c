/*
 * json_fuzz_test.c - what is JSON and what it says, with jansson as the judge
 *
 * Known differences, by our choice or by jansson's:
 *	a lone surrogate, written as an escape	ours accepts, as the grammar has it
 *	\u0000 in a key				ours accepts
 *	numbers that no double can hold		ours accepts: it does not convert
 *	a newline between tokens		ours refuses: a line has none
 *	a NUL byte between tokens		ours refuses, jansson skips some
 *	depth					ours 1024, jansson's 2048; neither is reached here
 * Of members with the same name both take the last one.
 */
#include <jansson.h>

#include "json.h"
#include "testfuzz.h"

#define DEEP 60		/* jansson recurses, and this is a goroutine's stack */

static bool
is_too_deep(const struct buf *in)
{
	int depth = 0, most = 0;

	for (size_t i = 0; i < in->len; i++) {
		depth += in->data[i] == '{' || in->data[i] == '[';
		depth -= in->data[i] == '}' || in->data[i] == ']';
		most = depth > most ? depth : most;
	}
	return most > DEEP;
}

static bool
is_excused(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_numeric_overflow:
	case json_error_null_byte_in_key:
	case json_error_null_character:
		return true;
	default:
		return strstr(e->text, "invalid Unicode") != NULL;
	}
}

static bool	same_value(const struct field *f, json_t *want);

static bool
same_members(const char *p, size_t len, json_t *want)
{
	const char *key;
	struct field f;
	json_t *v;

	json_object_foreach(want, key, v)
		if (!json_member(p, len, key, strlen(key), &f) || !same_value(&f, v))
			return false;
	return true;
}

static bool
same_elements(const char *p, size_t len, json_t *want)
{
	struct field f;
	size_t i;
	json_t *v;

	json_array_foreach(want, i, v)
		if (!json_element(p, len, i, &f) || !same_value(&f, v))
			return false;
	return !json_element(p, len, json_array_size(want), &f);
}

static bool
same_string(const struct field *f, json_t *want)
{
	struct buf plain = { 0 };
	bool same;

	json_unescape(&plain, f->value, f->len);
	same = f->kind == FIELD_ESCAPED && plain.len == json_string_length(want) &&
	    memcmp(plain.data, json_string_value(want), plain.len) == 0;
	buf_finish(&plain);
	return same;
}

static bool
same_value(const struct field *f, json_t *want)
{
	char text[400];

	if (json_is_string(want))
		return same_string(f, want);
	if (f->kind != FIELD_RAW)
		return false;
	switch (json_typeof(want)) {
	case JSON_OBJECT:
		return same_members(f->value, f->len, want);
	case JSON_ARRAY:
		return same_elements(f->value, f->len, want);
	case JSON_TRUE:
		return f->len == 4 && *f->value == 't';
	case JSON_FALSE:
		return f->len == 5;
	case JSON_NULL:
		return f->len == 4 && *f->value == 'n';
	default:
		if (f->len >= sizeof(text))
			return true;
		snprintf(text, sizeof(text), "%.*s", (int)f->len, f->value);
		return strtod(text, NULL) == json_number_value(want);
	}
}

/* The line's fields are the object's members. */
static bool
same_fields(struct batch *b, struct line *l, json_t *want)
{
	const char *key;
	json_t *v;

	json_object_foreach(want, key, v) {
		struct field *f = batch_find(b, l, key, strlen(key));

		/* keys are still escaped; those the other test looks at */
		if (f && !memmem(l->text, l->len, "\\u", 2) && !same_value(f, v))
			return false;
		if (!f && !memchr(l->text, '\\', l->len))
			return false;
	}
	return true;
}

static const char *
judge(struct fuzz *f, struct test_lines *t)
{
	const struct buf *in = &f->input;
	struct line *l = test_parse(t, in->data, in->len, WEFT_LINE_JSON, true);
	struct field all = { .value = in->data, .len = in->len, .kind = FIELD_RAW };
	const char *verdict = NULL;
	json_error_t e;
	json_t *want = json_loadb(in->data, in->len, JSON_DECODE_ANY | JSON_ALLOW_NUL |
	    JSON_DECODE_INT_AS_REAL, &e);

	if (!want)
		return l->error || is_excused(&e) ? NULL : "ours accepts it";
	if (l->error)
		verdict = memchr(in->data, '\0', in->len) ? NULL : "ours refuses it";
	else if (json_is_object(want) && !same_fields(t->b, l, want))
		verdict = "other fields";
	else if ((json_is_object(want) || json_is_array(want)) && !same_value(&all, want))
		verdict = "other values";
	json_decref(want);
	return verdict;
}

TEST(FuzzedJsonIsWhatJanssonSays)
{
	static const char *const names[] = { "json.log", NULL };
	const char *verdict = NULL;
	struct test_lines tl;
	struct fuzz f;

	fuzz_init(&f, names);
	test_lines_init(&tl);
	while (!verdict && fuzz_next(&f, false)) {
		for (size_t i = 0; i < f.input.len; i++)
			if (f.input.data[i] == '\n')
				f.input.data[i] = ' ';
		if (is_too_deep(&f.input))
			continue;
		batch_unref(tl.b);
		tl.b = test_batch(&tl);
		verdict = judge(&f, &tl);
		if (verdict)
			fuzz_report(&f, verdict);
	}
	CHECK(verdict == NULL);
	test_lines_finish(&tl);
	fuzz_finish(&f);
}
