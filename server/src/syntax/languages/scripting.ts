// Rules for Python, Ruby, PHP, Bash, PowerShell and INI files.
import type { LanguageRules } from "../languageRules.ts";

export const python: LanguageRules = {
  grammar: "python",
  declarations: {
    decorated_definition: { show: "wrapper" },
    class_definition: { show: "members" },
    function_definition: { show: "signature" },
    expression_statement: { show: "wrapper" },
    assignment: { show: "line" },
    type_alias_statement: { show: "line" },
    if_statement: { show: "inside" },
    else_clause: { show: "inside" },
    try_statement: { show: "inside" },
    except_clause: { show: "inside" },
    block: { show: "inside" },
  },
  names: `
    [(function_definition) (lambda) (list_comprehension) (set_comprehension) (dictionary_comprehension)
     (generator_expression)] @scope
    (function_definition name: (identifier) @outer)
    (class_definition name: (identifier) @def)
    (assignment left: (identifier) @def)
    (assignment left: (pattern_list (identifier) @def))
    (named_expression name: (identifier) @local)
    (parameters (identifier) @local)
    (lambda_parameters (identifier) @local)
    (typed_parameter (identifier) @local)
    (default_parameter name: (identifier) @local)
    (typed_default_parameter name: (identifier) @local)
    (list_splat_pattern (identifier) @local)
    (dictionary_splat_pattern (identifier) @local)
    (for_statement left: (identifier) @local)
    (for_statement left: (pattern_list (identifier) @local))
    (for_in_clause left: (identifier) @local)
    (for_in_clause left: (pattern_list (identifier) @local))
    (as_pattern_target (identifier) @local)
    (type_parameter (type (identifier) @local))
    (keyword_argument name: (identifier) @skip)
    (future_import_statement) @skip
    (identifier) @name
    (attribute attribute: (identifier) @member)
    (import_from_statement module_name: (_) @import)
    (import_statement name: (dotted_name) @import)
    (import_statement name: (aliased_import name: (dotted_name) @import))
    (comment) @comment
  `,
  comment: "#",
  docstrings: true,
};

/** A class without anything in it has no body, but still its `end`. */
const BODY_OR_NONE = ["body", "."];
/** Calls in a class that declare something. */
const RUBY_DECLARING_CALL = /^(attr_|include|extend|prepend|has_|belongs_to|scope|delegate)\w*\b/;

export const ruby: LanguageRules = {
  grammar: "ruby",
  declarations: {
    module: { show: "members", body: BODY_OR_NONE },
    class: { show: "members", body: BODY_OR_NONE },
    singleton_class: { show: "members", body: BODY_OR_NONE },
    method: { show: "signature" },
    singleton_method: { show: "signature" },
    assignment: { show: "line", when: /^[A-Z]/ },
    call: { show: "line", when: RUBY_DECLARING_CALL },
  },
  names: `
    [(method) (singleton_method) (block) (do_block) (lambda)] @scope
    (module name: (constant) @def)
    (module name: (scope_resolution name: (constant) @def))
    (class name: (constant) @def)
    (class name: (scope_resolution name: (constant) @def))
    (assignment left: (constant) @def)
    (assignment left: (identifier) @local)
    (method name: (_) @field)
    (singleton_method name: (_) @field)
    (call method: (identifier) @_attr arguments: (argument_list (simple_symbol) @field) (#match? @_attr "^attr_"))
    (method_parameters (identifier) @local)
    (block_parameters (identifier) @local)
    (lambda_parameters (identifier) @local)
    (optional_parameter name: (identifier) @local)
    (keyword_parameter name: (identifier) @local)
    (splat_parameter name: (identifier) @local)
    (hash_splat_parameter name: (identifier) @local)
    (block_parameter name: (identifier) @local)
    [(identifier) (constant)] @name
    (call receiver: (_) method: (identifier) @member)
    (call method: (identifier) @_require arguments: (argument_list . (string (string_content) @import))
      (#match? @_require "^(require|require_relative|load)$"))
    (comment) @comment
  `,
  comment: "#",
};

/** Variables are told from other names by their sign, so no scopes are needed. */
export const php: LanguageRules = {
  grammar: "php",
  declarations: {
    namespace_definition: { show: "members" },
    class_declaration: { show: "members" },
    interface_declaration: { show: "members" },
    trait_declaration: { show: "members" },
    enum_declaration: { show: "members" },
    enum_case: { show: "whole" },
    function_definition: { show: "signature" },
    method_declaration: { show: "signature" },
    property_declaration: { show: "line" },
    const_declaration: { show: "line" },
    use_declaration: { show: "line" },
  },
  names: `
    (class_declaration name: (name) @def)
    (interface_declaration name: (name) @def)
    (trait_declaration name: (name) @def)
    (enum_declaration name: (name) @def)
    (enum_case name: (name) @field)
    (function_definition name: (name) @def)
    (method_declaration name: (name) @field)
    (property_element name: (variable_name (name) @field))
    (const_element . (name) @field)
    (object_creation_expression (name) @name)
    (named_type (name) @name)
    (base_clause (name) @name)
    (class_interface_clause (name) @name)
    (use_declaration (name) @name)
    (attribute (name) @name)
    (qualified_name (name) @name)
    (function_call_expression function: (name) @name)
    (class_constant_access_expression (name) @name)
    (scoped_call_expression scope: (name) @name)
    (scoped_call_expression name: (name) @member)
    (member_call_expression name: (name) @member)
    (member_access_expression name: (name) @member)
    (namespace_use_clause (qualified_name) @import)
    (namespace_use_declaration (namespace_name) @import)
    (require_expression (string) @import)
    (require_once_expression (string) @import)
    (include_expression (string) @import)
    (include_once_expression (string) @import)
    (require_once_expression (binary_expression right: (string) @import))
    (require_expression (binary_expression right: (string) @import))
    (comment) @comment
  `,
  comment: "//",
};

export const bash: LanguageRules = {
  grammar: "bash",
  declarations: {
    function_definition: { show: "signature" },
    declaration_command: { show: "line", when: /^(export|readonly|declare)\b/ },
    variable_assignment: { show: "line", when: /^[A-Z]/ },
  },
  names: `
    (function_definition name: (word) @outer) @scope
    (variable_assignment name: (variable_name) @def)
    (for_statement variable: (variable_name) @local)
    (command_name (word) @name)
    ((variable_name) @name (#not-match? @name "^[0-9]+$"))
    (command name: (command_name (word) @_source) argument: [(word) (string) (raw_string)] @import
      (#match? @_source "^(source|[.])$"))
    (comment) @comment
  `,
  comment: "#",
};

export const powershell: LanguageRules = {
  grammar: "powershell",
  declarations: {
    statement_list: { show: "inside" },
    function_statement: { show: "signature", body: ["script_block.script_block_body", "script_block"] },
    class_statement: { show: "members", body: ["."] },
    class_method_definition: { show: "signature", body: ["script_block"] },
    class_property_definition: { show: "line" },
    enum_statement: { show: "whole" },
  },
  names: `
    (function_statement (function_name) @def)
    (class_statement . (simple_name) @def)
    (enum_statement . (simple_name) @def)
    (enum_member (simple_name) @field)
    (class_method_definition (simple_name) @field)
    (class_property_definition (variable) @field)
    (class_statement (simple_name) @name)
    [(command_name) (type_identifier)] @name
    (command (command_invokation_operator) command_name: (command_name_expr (command_name) @import))
    (command command_name: (command_name) @_import command_elements: (command_elements (generic_token) @import)
      (#match? @_import "^([Ii]mport-[Mm]odule|using)$") (#not-match? @import "^(module|namespace|assembly)$"))
    (comment) @comment
  `,
  comment: "#",
};

export const ini: LanguageRules = {
  grammar: "ini",
  declarations: { section: { show: "signature", body: ["setting"] } },
  names: "(comment) @comment",
  comment: ";",
};
