/* yaml_test.c - trees with places, and everything that is refused */
#include "yaml.h"

#include <stdlib.h>

#include "weft/testing.h"

static void
check_refused(const char *text, size_t len, const char *want)
{
	struct complaints c = { .file = "f" };
	struct yaml_doc doc;
	struct buf got = { 0 };

	CHECK(!yaml_parse(&doc, text, len, &c));
	complaints_text(&c, &got);
	CHECK_STR(buf_str(&got), want);
	buf_finish(&got);
	yaml_finish(&doc);
	complaints_finish(&c);
}

static void
refused(const char *text, const char *want)
{
	check_refused(text, strlen(text), want);
}

TEST(YamlTreesKnowTheirPlaces)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - { c: 'no', d: }\n";
	struct complaints c = { .file = "f" };
	struct yaml_doc doc;
	struct yaml *b, *d;

	REQUIRE(yaml_parse(&doc, text, strlen(text), &c));
	CHECK_EQ(doc.root->kind, YAML_MAP);
	CHECK_EQ(doc.root->n, 2);
	CHECK_STR(yaml_get(doc.root, "a")->text, "1");
	b = yaml_get(doc.root, "b");
	CHECK_EQ(b->kind, YAML_LIST);
	CHECK_EQ(b->at.line, 3);
	CHECK_EQ(b->at.col, 3);
	CHECK_STR(b->item[0]->text, "x");
	CHECK_STR(yaml_get(b->item[1], "c")->text, "no");
	d = yaml_get(b->item[1], "d");
	CHECK(d->empty);
	CHECK_EQ(d->at.line, 4);
	CHECK(yaml_get(doc.root, "z") == NULL);
	CHECK(yaml_get(b, "a") == NULL);
	yaml_finish(&doc);
}

TEST(YamlQuotesMakeTexts)
{
	static const char text[] = "[null, ~, 'null', \"\", '']";
	struct complaints c = { .file = "f" };
	struct yaml_doc doc;

	REQUIRE(yaml_parse(&doc, text, strlen(text), &c));
	for (int i = 0; i < 5; i++)
		CHECK_EQ(doc.root->item[i]->empty, i < 2);
	yaml_finish(&doc);
}

TEST(YamlRefusesWhatSurprises)
{
	refused("a: &x 1", "f:1:4: anchors (&x) are not supported; write it out\n");
	refused("a: *x", "f:1:4: aliases (*x) are not supported; write it out\n");
	refused("a: !!int 1", "f:1:4: tags (!...) are not supported; what a value is follows "
	    "from its key\n");
	refused("a: 1\n---\nb: 2\n",
	    "f:2:1: a second document begins here; there must be one only\n");
	refused("a: 1\nb: 2\na: 3\n",
	    "f:3:1: the key \"a\" is here a second time; the first is in line 1\n");
	refused("x: { a: 1, a: 2, a: 3 }\n",
	    "f:1:12: the key \"a\" is here a second time; the first is in line 1\n"
	    "f:1:18: the key \"a\" is here a second time; the first is in line 1\n");
	refused("? [a]\n: b\n", "f:1:3: a key must be a text, not a list\n");
	refused("a: \"b\\0c\"\n", "f:1:4: a text cannot have a NUL character inside\n");
}

TEST(YamlRefusesWhatIsNone)
{
	refused("a:\n\tb: 1\n",
	    "f:2:1: this is not YAML: a line begins with a tab; indent it with blanks\n");
	refused("a: *.log\n",
	    "f:1:4: this is not YAML: a text that begins with * needs quotes\n");
	refused("a: %Y\n",
	    "f:1:4: this is not YAML: a text that begins with @, % or ` needs quotes\n");
	refused("a: b: c\n", "f:1:5: this is not YAML: there is a second \": \" here; a text "
	    "with one inside needs quotes\n");
	refused("a: 'b\n\n", "f:1:4: this is not YAML: a text in quotes has no end\n");
	refused("a: [1,\n  2\nb: 3\n", "f:3:2: this is not YAML: did not find expected ',' or "
	    "']', while parsing a flow sequence that begins in line 1\n");
	refused("a: b\nc: \xff\n", "f:2:4: this is not YAML: a byte or character that cannot be "
	    "in a text (invalid leading UTF-8 octet)\n");
}

TEST(YamlHasLimits)
{
	char *text = malloc(YAML_SIZE + 1);

	memset(text, '[', YAML_DEPTH + 1);
	check_refused(text, YAML_DEPTH + 1,
	    "f:1:33: this is nested too deeply: more than 32 levels\n");
	memset(text, 'a', YAML_SIZE + 1);
	check_refused(text, YAML_SIZE + 1, "f: it is too long: more than 1 MiB\n");
	free(text);
}

/* As many complaints as lines: a list of a fixed size, and quick. */
TEST(ComplaintsAreCounted)
{
	struct buf text = { 0 };

	for (int i = 0; i < 20000; i++)
		buf_adds(&text, "a: 1\n");
	struct complaints c = { .file = "f" };
	struct yaml_doc doc;
	struct buf got = { 0 };
	CHECK(!yaml_parse(&doc, text.data, text.len, &c));
	CHECK_EQ(c.n, COMPLAINTS);
	CHECK_EQ(c.more, 20000 - 1 - COMPLAINTS);
	complaints_text(&c, &got);
	CHECK(strstr(buf_str(&got), "\nf: and 19979 more\n") != NULL);
	buf_finish(&got);
	buf_finish(&text);
	yaml_finish(&doc);
	complaints_finish(&c);
}

static const char *
word(const void *words, int i)
{
	return ((const char *const *)words)[i];
}

TEST(NamesThatWereMeantAreFound)
{
	static const char *const words[] = { "level", "source", "file", "by", NULL };
	char longer[100];

	CHECK_STR(meant("levle", word, words), "level");
	CHECK_STR(meant("sauce", word, words), "source");
	CHECK_STR(meant("fiel", word, words), "file");
	CHECK_STR(meant("files", word, words), "file");
	CHECK(meant("x", word, words) == NULL);
	CHECK(meant("completely", word, words) == NULL);
	memset(longer, 'a', 99);
	longer[99] = '\0';
	CHECK(meant(longer, word, words) == NULL);
}
