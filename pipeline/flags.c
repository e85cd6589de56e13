/* flags.c - pipelines from command lines; see flags.h */
#include "flags.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "command.h"

int
flags_failed(weft_pipeline *p, int err)
{
	command_say("%s", weft_pipeline_error(p));
	return err == -EINVAL || err == -EEXIST ? 2 : 1;
}

/* As a pattern that means this very file; other blanks than ' ' cannot be quoted. */
static void
quote(const char *path, struct buf *out)
{
	out->len = 0;
	for (; *path; path++) {
		if (strchr("*?[\\ ", *path))
			buf_addc(out, '\\');
		buf_addc(out, *path == '\t' || *path == '\n' ? '?' : *path);
	}
}

int
flags_sources(weft_pipeline *p, char **files, const struct weft_source_options *o)
{
	struct buf pattern = { 0 };
	int err = 0;

	for (; *files && !err; files++) {
		struct weft_source_options one = *o;

		if (strcmp(*files, "-") == 0) {
			one.standard_input = true;
		} else {
			quote(*files, &pattern);
			one.file = buf_str(&pattern);
		}
		err = weft_pipeline_source(p, one.standard_input ? "stdin" : *files, &one);
	}
	buf_finish(&pattern);
	return err ? flags_failed(p, err) : 0;
}

/* Two names of one file: reading what we write has no end, and replacing it loses it. */
static bool
is_input(const char *path, char **files)
{
	struct stat out, in;

	if (stat(path, &out) < 0 || !S_ISREG(out.st_mode))
		return false;
	for (; *files; files++)
		if (stat(*files, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
			return true;
	return false;
}

int
flags_add(weft_pipeline *p, const char *name, const struct weft_output_options *o,
    char **files)
{
	int err;

	if (o->file && is_input(o->file->path, files))
		return command_misuse("this output is also an input; choose another file than",
		    name);
	err = weft_pipeline_output(p, name, o);
	if (err == -EEXIST)
		return command_misuse("there is already an output", name);
	return err ? flags_failed(p, err) : 0;
}

/* Takes ",json" off the end of dest. */
static int
take_format(char *dest)
{
	char *comma = strrchr(dest, ','), *dot = strrchr(dest, '.');
	int format = comma ? weft_output_format_parse(comma + 1) : -EINVAL;

	if (format >= 0) {
		*comma = '\0';
		return format;
	}
	return dot && strcmp(dot, ".txt") == 0 ? WEFT_OUTPUT_TEXT : WEFT_OUTPUT_AUTO;
}

int
flags_output(weft_pipeline *p, const char *dest, char **files)
{
	char *to = xstrdup(dest);
	struct weft_file_options file = { 0 };
	struct weft_output_options o = { .format = take_format(to) };
	int status;

	if (strcmp(to, "stdout") == 0) {
		o.standard_output = true;
	} else {
		file.replace = strncmp(to, "file:", 5) == 0;
		file.path = file.replace ? to + 5 : strncmp(to, "append:", 7) == 0 ? to + 7 : "";
		o.file = &file;
	}
	status = o.file && !*file.path ?
	    command_misuse("an output is stdout, file:PATH or append:PATH, not", dest) :
	    flags_add(p, dest, &o, files);
	free(to);
	return status;
}

int
flags_dead(weft_pipeline *p, const char *path, char **files)
{
	struct weft_file_options file = { .path = path };
	struct weft_output_options o = { .file = &file, .dead = true };

	return flags_add(p, "dead", &o, files);
}
