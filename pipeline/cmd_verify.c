/* cmd_verify.c - weft-pipeline verify: which generated lines are lost, doubled or torn? */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "pipeline.h"

static const char help[] =
"usage: weft-pipeline verify [--level LEVEL] FILE...\n"
"\n"
"Looks for the lines of weft-pipeline gen in FILEs, wherever they have been, and\n"
"names those that are lost, doubled or torn.  Other lines are counted and ignored.\n"
"Exit status 1 when a line is lost, doubled or torn.\n"
"\n"
"    -l, --level LEVEL   lines below LEVEL may be missing, because a pipeline\n"
"                        filtered them out\n"
"\n"
"example:\n"
"    weft-pipeline run --level info -o file:out.jsonl generated.jsonl\n"
"    weft-pipeline verify --level info out.jsonl\n";

static int
verify_files(int level, char **files)
{
	weft_verify *v = weft_verify_new(level);
	struct weft_verify_counts c;
	char findings[8192];
	int failed = 0, err;

	for (; *files; files++) {
		err = weft_verify_file(v, *files);
		if (err) {
			command_say("cannot read %s: %s", *files, strerror(-err));
			failed = 1;
		}
	}
	weft_verify_end(v, &c, findings, sizeof(findings));
	weft_verify_free(v);
	command_print("%s%" PRIu64 " lines verified, %" PRIu64 " others; %" PRIu64
	    " lost, %" PRIu64 " doubled, %" PRIu64 " torn, %" PRIu64 " out of order\n",
	    findings, c.lines, c.other, c.lost, c.doubled, c.torn, c.disorder);
	return failed || c.lost || c.doubled || c.torn;
}

int
cmd_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "level", 1, NULL, 'l' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	int level = WEFT_LEVEL_TRACE, c;

	while ((c = getopt_long(argc, argv, ":l:h", options, NULL)) != -1)
		switch (c) {
		case 'l':
			level = weft_level_parse(optarg);
			if (level < 0)
				return command_misuse("there is no level", optarg);
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	if (optind == argc) {
		command_say("no input: name the files that should hold every line");
		return 2;
	}
	return verify_files(level, argv + optind);
}
