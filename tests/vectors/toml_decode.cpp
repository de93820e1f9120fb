/* SPDX-License-Identifier: MIT */
/* toml-decode: TOML on standard input, toml-test's tagged JSON on standard output; exit status 1 where the document is
 * refused. By the product's own shim, which decides about the limits and how toml++ is built; the product needs only
 * one array of tables of a document, so what writes out the rest stands here. */
#include "../../src/config/toml_shim.cpp"

#include <cmath>
#include <iostream>
#include <iterator>
#include <sstream>

namespace
{

void write_string(std::ostream &out, std::string_view text)
{
    char escaped[8];

    out << '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out << '\\' << c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out << escaped;
        } else {
            out << c;
        }
    }
    out << '"';
}

template <typename T> std::string text_of(const T &value)
{
    std::ostringstream text;
    text << value;
    return text.str();
}

std::string text_of(double value)
{
    char text[64];

    if (std::isnan(value)) {
        return "nan";
    }
    if (std::isinf(value)) {
        return value < 0 ? "-inf" : "inf";
    }
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

void write_tagged(std::ostream &out, const char *type, const std::string &text)
{
    out << "{\"type\":\"" << type << "\",\"value\":";
    write_string(out, text);
    out << '}';
}

void write_node(std::ostream &out, const toml::node &node)
{
    const char *separator = "";

    if (const auto *table = node.as_table()) {
        out << '{';
        for (const auto &[key, value] : *table) {
            out << separator;
            write_string(out, key.str());
            out << ':';
            write_node(out, value);
            separator = ",";
        }
        out << '}';
    } else if (const auto *array = node.as_array()) {
        out << '[';
        for (const toml::node &value : *array) {
            out << separator;
            write_node(out, value);
            separator = ",";
        }
        out << ']';
    } else if (const auto *string = node.as_string()) {
        write_tagged(out, "string", string->get());
    } else if (const auto *integer = node.as_integer()) {
        write_tagged(out, "integer", std::to_string(integer->get()));
    } else if (const auto *real = node.as_floating_point()) {
        write_tagged(out, "float", text_of(real->get()));
    } else if (const auto *boolean = node.as_boolean()) {
        write_tagged(out, "bool", boolean->get() ? "true" : "false");
    } else if (const auto *date = node.as_date()) {
        write_tagged(out, "date-local", text_of(date->get()));
    } else if (const auto *time = node.as_time()) {
        write_tagged(out, "time-local", text_of(time->get()));
    } else if (const auto *moment = node.as_date_time()) {
        write_tagged(out, moment->get().offset ? "datetime" : "datetime-local", text_of(moment->get()));
    }
}

int visit_nothing(void *, const toml_value *)
{
    return 0;
}

} // namespace

int main(int count, char **)
{
    if (count > 1) {
        std::cout
            << "usage: toml-decode <DOCUMENT\nThe decoder protocol of toml-test, for TOML 1.0. Refused on purpose: "
               "more than 256 KiB, more than 32 dots in a key, more than 16 levels of arrays and inline tables.\n";
        return 0;
    }
    const std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    const char *const path[] = {"no-such-table", nullptr};
    toml_result result = {};
    size_t blocks = 0;
    const toml_status status = toml_visit(text.data(), text.size(), path, visit_nothing, nullptr, &blocks, &result);

    if (status != TOML_ABSENT && status != TOML_OK) {
        std::cerr << "line " << result.line << ": " << result.message << '\n';
        return 1;
    }
    write_node(std::cout, toml::parse(text));
    std::cout << '\n';
    return 0;
}
