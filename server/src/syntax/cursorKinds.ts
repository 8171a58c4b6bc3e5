// What the node types of all grammars mean around a cursor: strings, comments, literals, words that open a block.

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

export const COMMENTS = words("comment html_comment js_comment line_comment block_comment");

export const STRINGS = words(`
  string template_string regex string_value string_literal multiline_string_fragment character_literal
  verbatim_string_literal raw_string_literal interpolated_string_expression char_literal system_lib_string rune_literal
  interpreted_string_literal heredoc_body nowdoc_string encapsed_string heredoc raw_string ansi_c_string
  verbatim_string_characters expandable_string_literal expandable_here_string_literal verbatim_here_string_characters
  string_array character`);

/** Code inside a string. */
export const INTERPOLATIONS = words(
  "template_substitution interpolation string_interpolation command_substitution expansion sub_expression",
);

/** In braces, and yet no block. */
export const LITERALS = words(`
  object object_pattern object_type named_imports export_clause dictionary set dictionary_comprehension set_comprehension
  dict_pattern array_initializer element_value_array_initializer initializer_list initializer_expression
  anonymous_object_creation_expression with_initializer literal_value use_list field_initializer_list struct_pattern hash
  hash_pattern hash_literal_expression namespace_use_group`);

/** In braces, and holding one expression. */
export const EXPRESSION_BRACES = words(
  "jsx_expression template_substitution interpolation string_interpolation expansion",
);

/** In round brackets, and yet one thing a line (Go's imports and constants, a subshell). */
export const ROUND_BLOCKS = words(
  "import_spec_list var_spec_list const_declaration type_declaration subshell command_substitution",
);

export const BRACKETS: Readonly<Record<string, string>> = {
  "(": ")",
  "[": "]",
  "{": "}",
  "${": "}",
  "#{": "}",
  "@{": "}",
  "@(": ")",
  "$(": ")",
  "((": "))",
};

export const CLOSING = words(") ] } )) end done fi esac");

/** Behind these tokens an opening brace begins a value; elsewhere, where the parser does not know, a block. */
export const BEFORE_A_VALUE = words("= ( [ , : return ?? || && ? += yield");

/** Words that open a block, behind the node that they stand in, for grammars that close with a word. */
export const WORD_BLOCKS: Readonly<Record<string, ReadonlySet<string>>> = {
  bash: words("if_statement:then elif_clause:then else_clause:else do_group:do ERROR:then ERROR:do"),
  ruby: words(`
    method:def singleton_method:def class:class singleton_class:class module:module if:if unless:unless while:while
    until:until for:for case:case begin:begin do_block:do do:do then:then else:else elsif:elsif when:when rescue:rescue
    ensure:ensure ERROR:def ERROR:class ERROR:module ERROR:do ERROR:begin`),
};

/** Words behind which the rest of the line belongs to the header of the block (Ruby's `def total(items)`). */
export const WORDS_WITH_HEADER = words("def class module if unless while until for case elsif when rescue");

/** Python's statements that end in a colon and go on in a block. */
export const COLON_HEADER =
  /^\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|with|try|except|finally|match|case)\b|^\s*[)\]]/;

/** Headers whose one statement is still to come, in languages with braces. */
export const BARE_HEADERS = words("if_statement while_statement for_statement for_in_statement foreach_statement");
