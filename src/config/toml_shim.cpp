/* SPDX-License-Identifier: MIT */
#ifndef NDEBUG
#define NDEBUG 1 /* toml++ asserts what bad input can make untrue */
#endif
#define TOML_MAX_NESTED_VALUES 16
#include <version>
/* LLVM's library reads floats without its streams and locales, which then are not linked in. Apple's is the system's. For
 * 64-bit ARM that needs the compiler's runtime, and zig's brings a stack protector whose canary is no secret. */
#if defined(_LIBCPP_VERSION) && _LIBCPP_VERSION >= 200000 && !defined(__APPLE__) && defined(__x86_64__)
#define TOML_FLOAT_CHARCONV 1
#endif
/* Its tables of Unicode tell the compiler that characters such as U+00A1 never come, and documents of strangers have
 * them: there, what cannot be is "no". */
#include <cstdint>
#if __has_include(<toml++/impl/unicode.hpp>) /* 3.4 and later */
#include <toml++/impl/forward_declarations.hpp>
#else
#include <toml++/impl/forward_declarations.h>
#endif
#pragma push_macro("TOML_UNREACHABLE")
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#if __has_include(<toml++/impl/unicode.hpp>)
#include <toml++/impl/unicode.hpp>
#else
#include <toml++/impl/unicode.h>
#endif
#pragma pop_macro("TOML_UNREACHABLE")
#include <toml++/toml.h>

#include "config/toml_shim.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

static_assert(TOML_MOST_DEPTH == 16, "the same as TOML_MAX_NESTED_VALUES, which toml++ takes back");

namespace
{

/* The rest of `text` after the string that it begins with. Unended: the end of the line, or of the document. */
std::string_view skip_string(std::string_view text)
{
    const char quote = text[0];
    const bool many_lines = text.size() >= 3 && text[1] == quote && text[2] == quote;
    size_t i = many_lines ? 3 : 1;

    for (; i < text.size(); i++) {
        if (quote == '"' && text[i] == '\\') {
            i++;
        } else if (!many_lines && (text[i] == quote || text[i] == '\n')) {
            return text.substr(text[i] == quote ? i + 1 : i);
        } else if (many_lines && text.substr(i, 3) == std::string_view(text.data(), 3)) {
            i += 3;
            for (int more = 0; more < 2 && i < text.size() && text[i] == quote; more++) {
                i++; /* one or two quotes may stand before the three that end it */
            }
            return text.substr(i);
        }
    }
    return {};
}

/* The line of the first key with more dots than TOML_MOST_DOTS, 0 when there is none. toml++ stops at the first fault,
 * so what is counted wrongly after one does no harm. */
int line_of_long_key(std::string_view text)
{
    const char *const begin = text.data();

    for (int dots = 0; !text.empty();) {
        const char c = text[0];

        if (c == '"' || c == '\'') {
            text = skip_string(text);
            continue;
        }
        if (c == '#') {
            text.remove_prefix(std::min(text.find('\n'), text.size()));
            continue;
        }
        if (c == '.' && ++dots > TOML_MOST_DOTS) {
            return 1 + static_cast<int>(std::count(begin, text.data(), '\n'));
        }
        if (std::strchr("\n=,[]{}", c) != nullptr) {
            dots = 0; /* no key goes on after one of these */
        }
        text.remove_prefix(1);
    }
    return 0;
}

toml_status malformed(toml_result *result, int line, std::string_view message)
{
    result->line = line;
    std::snprintf(result->message, sizeof result->message, "%.*s", static_cast<int>(message.size()), message.data());
    return TOML_MALFORMED;
}

/* toml++'s words without what they quote of the document. */
toml_status malformed(toml_result *result, const toml::parse_error &fault)
{
    const std::string_view words = fault.description();
    std::string message(words.substr(0, words.find(", saw ")));
    const size_t first = message.find('\'');
    const size_t last = message.rfind('\'');

    if (first != last && last - first - 1 > 5) {
        message.replace(first + 1, last - first - 1, "...");
    }
    if (message.rfind("Error while ", 0) == 0) {
        message.erase(0, sizeof "Error " - 1);
    }
    return malformed(result, static_cast<int>(fault.source().begin.line), message);
}

const char *kind_name(const toml::node &node)
{
    switch (node.type()) {
    case toml::node_type::table:
        return "table";
    case toml::node_type::array:
        return "array";
    case toml::node_type::string:
        return "string";
    case toml::node_type::integer:
        return "integer";
    case toml::node_type::floating_point:
        return "float";
    case toml::node_type::boolean:
        return "boolean";
    case toml::node_type::date:
        return "date";
    case toml::node_type::time:
        return "time";
    default:
        return "date-time";
    }
}

/* Adds the string and its end; false for what is none, or holds a NUL itself. */
bool add_string(std::string &text, const toml::node &node)
{
    const auto *string = node.as_string();

    if (string == nullptr || string->get().find('\0') != std::string::npos) {
        return false;
    }
    text += string->get();
    text += '\0';
    return true;
}

bool read_list(const toml::array &array, std::string &ret)
{
    std::string text;

    for (const toml::node &node : array) {
        if (!add_string(text, node)) {
            return false;
        }
    }
    ret = text;
    return true;
}

bool read_table(const toml::table &table, std::string &ret)
{
    std::string text;

    for (const auto &[key, node] : table) {
        if (key.str().find('\0') != std::string_view::npos) {
            return false;
        }
        text += key.str();
        text += '\0';
        if (!add_string(text, node)) {
            return false;
        }
    }
    ret = text;
    return true;
}

toml_status visit_value(toml_value value, const toml::node &node, toml_visitor *visit, void *ctx)
{
    std::string text = kind_name(node);

    value.kind = TOML_OTHER;
    if (const auto *boolean = node.as_boolean()) {
        value.kind = TOML_BOOLEAN;
        text = boolean->get() ? "true" : "false";
    } else if (const auto *integer = node.as_integer()) {
        value.kind = TOML_INTEGER;
        text = std::to_string(integer->get());
    } else if (node.is_array() && read_list(*node.as_array(), text)) {
        value.kind = TOML_LIST;
    } else if (node.is_table() && read_table(*node.as_table(), text)) {
        value.kind = TOML_TABLE;
    }
    value.text = text.c_str();
    value.length = text.size();
    if (const auto *string = node.as_string()) {
        value.kind = TOML_STRING;
        value.text = string->get().c_str();
        value.length = string->get().size();
    }
    return visit(ctx, &value) == 0 ? TOML_OK : TOML_STOPPED;
}

toml_status visit_block(const toml::table &table, size_t block, toml_visitor *visit, void *ctx, toml_result *result)
{
    toml_value value = {};

    value.block = block;
    value.line = static_cast<int>(table.source().begin.line);
    if (visit(ctx, &value) != 0) {
        return TOML_STOPPED;
    }
    for (const auto &[key, node] : table) {
        value.line = static_cast<int>(key.source().begin.line);
        if (key.str().find('\0') != std::string_view::npos) {
            return malformed(result, value.line, "a key holds a NUL character");
        }
        value.key = key.str().data(); /* of a std::string: a NUL follows */
        if (toml_status status = visit_value(value, node, visit, ctx); status != TOML_OK) {
            return status;
        }
    }
    return TOML_OK;
}

bool is_spelt_alike(std::string_view a, std::string_view b)
{
    const auto plain = [](char c) { return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };

    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return plain(x) == plain(y); });
}

/* Notes the first key of the table that may stand there in place of path[0]. */
void note_stray(const toml::table &table, const char *const *path, toml_result *result)
{
    for (const auto &[key, node] : table) {
        const std::string_view name = key.str();

        if (result->stray[0] == '\0' && name != path[0] &&
            (path[1] == nullptr || name == path[1] || is_spelt_alike(name, path[0]))) {
            std::snprintf(result->stray, sizeof result->stray, "%.*s", static_cast<int>(name.size()), name.data());
            result->stray_line = static_cast<int>(key.source().begin.line);
        }
    }
}

toml_status visit_document(const toml::table &document, const char *const *path, toml_visitor *visit, void *ctx,
                           size_t *blocks, toml_result *result)
{
    const toml::node *node = &document;
    size_t count = 0;

    for (; *path != nullptr; path++) {
        if (!node->is_table()) {
            return malformed(result, static_cast<int>(node->source().begin.line),
                             std::string("a table belongs here, not a value of the kind ") + kind_name(*node));
        }
        note_stray(*node->as_table(), path, result);
        node = node->as_table()->get(*path);
        if (node == nullptr) {
            return TOML_ABSENT;
        }
    }
    if (!node->is_array()) {
        return malformed(result, static_cast<int>(node->source().begin.line),
                         std::string("an array of tables, [[...]], belongs here, not a value of the kind ") +
                             kind_name(*node));
    }
    for (const toml::node &block : *node->as_array()) {
        if (!block.is_table()) {
            return malformed(result, static_cast<int>(block.source().begin.line),
                             std::string("the array must hold tables only, not a value of the kind ") +
                                 kind_name(block));
        }
        toml_status status = visit_block(*block.as_table(), count++, visit, ctx, result);
        if (status != TOML_OK) {
            return status;
        }
    }
    *blocks = count;
    return TOML_OK;
}

} // namespace

extern "C" toml_status toml_visit(const char *bytes, size_t n, const char *const *path, toml_visitor *visit, void *ctx,
                                  size_t *blocks, toml_result *result)
{
    try {
        const std::string_view text(bytes, n);

        if (n > TOML_MOST_BYTES) {
            return malformed(result, 0, "the file is larger than 256 KiB");
        }
        if (const int line = line_of_long_key(text); line != 0) {
            return malformed(result, line, "a key has more than 32 dots");
        }
        return visit_document(toml::parse(text), path, visit, ctx, blocks, result);
    } catch (const toml::parse_error &fault) {
        try {
            return malformed(result, fault);
        } catch (...) {
            return TOML_NO_MEMORY;
        }
    } catch (const std::bad_alloc &) {
        return TOML_NO_MEMORY;
    } catch (...) {
        return malformed(result, 0, "it cannot be read as TOML");
    }
}
