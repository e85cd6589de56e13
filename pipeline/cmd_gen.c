/* cmd_gen.c - weft-pipeline gen: a made-up log, to test with */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "pipeline.h"

static const char help[] =
"usage: weft-pipeline gen --lines N [options]\n"
"\n"
"Writes a made-up log.  The same options give the same bytes.  Every line carries\n"
"its seed, source, number and a checksum, which weft-pipeline verify reads.\n"
"\n"
"    -n, --lines N       so many lines\n"
"    -s, --seed S        which log (default 1)\n"
"        --source N      which of the logs of that seed (default 1)\n"
"    -f, --format F      json (default), syslog, plain, or mix: all three; access,\n"
"                        logfmt, cri, syslog5424, or stack: plain, with stack traces\n"
"        --pad N         lengthen shorter lines to N bytes, newline included\n"
"    -o, --output FILE   write it to FILE instead of standard output\n"
"\n"
"example:\n"
"    weft-pipeline gen --lines 1000000 --seed 42 -o generated.jsonl\n";

static const char *const gen_formats[] = {
	"json", "syslog", "plain", "mix", "access", "logfmt", "cri", "stack", "syslog5424", NULL
};

static int
gen_to(const struct weft_gen_options *o, const char *path)
{
	int fd = STDOUT_FILENO, err;

	signal(SIGPIPE, SIG_IGN);
	if (path && (fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0) {
		command_say("cannot open %s: %s", path, strerror(errno));
		return 1;
	}
	err = weft_gen(o, fd);
	if (path && close(fd) < 0 && !err)
		err = -errno;
	if (err)
		command_say("cannot write %s: %s", path ? path : "standard output", strerror(-err));
	return err != 0;
}

int
cmd_gen(int argc, char **argv)
{
	static const struct option options[] = {
		{ "lines", 1, NULL, 'n' }, { "seed", 1, NULL, 's' }, { "source", 1, NULL, 'S' },
		{ "format", 1, NULL, 'f' }, { "pad", 1, NULL, 'p' },
		{ "output", 1, NULL, 'o' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct weft_gen_options o = { .seed = 1, .source = 1, .format = WEFT_GEN_JSON };
	const char *path = NULL;
	uint64_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, ":n:s:f:o:h", options, NULL)) != -1) {
		bool number = c == 'n' || c == 's' || c == 'S' || c == 'p';
		uint64_t most = c == 'S' ? UINT32_MAX : c == 'p' ? 1 << 20 : INT64_MAX;

		if (number && !command_number(optarg, 0, most, &n))
			return command_misuse("not a whole number in range:", optarg);
		switch (c) {
		case 'n':
			o.lines = n;
			break;
		case 's':
			o.seed = n;
			break;
		case 'S':
			o.source = n;
			break;
		case 'p':
			o.pad = n;
			break;
		case 'f':
			o.format = command_choice(optarg, gen_formats);
			if (o.format < 0)
				return command_misuse("gen has no format", optarg);
			break;
		case 'o':
			path = optarg;
			break;
		case 'h':
			return command_print("%s", help);
		default:
			return command_bad_option(c, argv);
		}
	}
	if (optind < argc)
		return command_misuse("gen takes no files; -o names the one to write, not",
		    argv[optind]);
	if (o.lines == 0) {
		command_say("how many lines? say --lines N");
		return 2;
	}
	return gen_to(&o, path);
}
