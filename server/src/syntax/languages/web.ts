// Rules for TypeScript, TSX, JavaScript and CSS.
import type { DeclarationRule, LanguageRules } from "../languageRules.ts";

const FUNCTION_VALUE = ["variable_declarator.value.body"];

const SCRIPT_DECLARATIONS: Record<string, DeclarationRule> = {
  export_statement: { show: "wrapper", alone: true },
  function_declaration: { show: "signature" },
  generator_function_declaration: { show: "signature" },
  class_declaration: { show: "members" },
  class: { show: "members" },
  method_definition: { show: "signature" },
  lexical_declaration: { show: "constant", body: FUNCTION_VALUE },
  variable_declaration: { show: "constant", body: FUNCTION_VALUE },
  class_static_block: { show: "inside" },
  expression_statement: { show: "wrapper" },
};

/** Assignments that add to what a module or a prototype offers (CommonJS). */
const EXPORTING_ASSIGNMENT: DeclarationRule = {
  show: "signature",
  body: ["right.body", "right"],
  when: /^(module\.)?exports\b|^[\w$.]+\.prototype\b/,
};

const JAVASCRIPT_DECLARATIONS: Record<string, DeclarationRule> = {
  ...SCRIPT_DECLARATIONS,
  assignment_expression: EXPORTING_ASSIGNMENT,
  field_definition: { show: "signature", body: ["value.body"] },
};

const TYPESCRIPT_DECLARATIONS: Record<string, DeclarationRule> = {
  ...SCRIPT_DECLARATIONS,
  abstract_class_declaration: { show: "members" },
  interface_declaration: { show: "compact" },
  type_alias_declaration: { show: "whole" },
  enum_declaration: { show: "whole" },
  function_signature: { show: "whole" },
  method_signature: { show: "whole" },
  abstract_method_signature: { show: "whole" },
  call_signature: { show: "whole" },
  construct_signature: { show: "whole" },
  index_signature: { show: "whole" },
  property_signature: { show: "whole" },
  public_field_definition: { show: "signature", body: ["value.body"] },
  ambient_declaration: { show: "wrapper", alone: true },
  internal_module: { show: "members" },
  module: { show: "members" },
};

const SCRIPT_NAMES = `
  [(function_expression) (arrow_function) (method_definition)] @scope
  (function_declaration name: (identifier) @outer) @scope
  (generator_function_declaration name: (identifier) @outer) @scope
  (variable_declarator name: (identifier) @def)
  (object_pattern (shorthand_property_identifier_pattern) @member @local)
  (object_pattern (pair_pattern key: (property_identifier) @member))
  (pair_pattern value: (identifier) @local)
  (array_pattern (identifier) @local)
  (rest_pattern (identifier) @local)
  (assignment_pattern left: (identifier) @local)
  (arrow_function parameter: (identifier) @local)
  (catch_clause parameter: (identifier) @local)
  (for_in_statement left: (identifier) @local)
  (method_definition name: (property_identifier) @field)
  [(identifier) (shorthand_property_identifier)] @name
  (member_expression property: (property_identifier) @member)
  (import_statement source: (string) @import)
  (export_statement source: (string) @import)
  (call_expression function: (import) arguments: (arguments . (string) @import))
  (call_expression function: (identifier) @_require arguments: (arguments . (string) @import) (#eq? @_require "require"))
  (comment) @comment
`;

const JAVASCRIPT_NAMES = `
  ${SCRIPT_NAMES}
  (class_declaration name: (identifier) @def)
  (formal_parameters (identifier) @local)
  (field_definition property: (property_identifier) @field)
  (assignment_expression left: (member_expression property: (property_identifier) @field) right: [(function_expression) (arrow_function) (identifier)])
`;

const TYPESCRIPT_NAMES = `
  [(function_signature) (function_type) (method_signature) (abstract_method_signature)] @scope
  ${SCRIPT_NAMES}
  (function_signature name: (identifier) @outer)
  (class_declaration name: (type_identifier) @def)
  (abstract_class_declaration name: (type_identifier) @def)
  (interface_declaration name: (type_identifier) @def)
  (type_alias_declaration name: (type_identifier) @def)
  (enum_declaration name: (identifier) @def)
  (internal_module name: (identifier) @def)
  (module name: (identifier) @def)
  (required_parameter pattern: (identifier) @local)
  (optional_parameter pattern: (identifier) @local)
  (type_parameter name: (type_identifier) @local)
  (public_field_definition name: (property_identifier) @field)
  (property_signature name: (property_identifier) @field)
  (method_signature name: (property_identifier) @field)
  (abstract_method_signature name: (property_identifier) @field)
  (enum_body name: (property_identifier) @field)
  (enum_assignment name: (property_identifier) @field)
  (type_identifier) @name
`;

const typescriptRules = { declarations: TYPESCRIPT_DECLARATIONS, names: TYPESCRIPT_NAMES, comment: "//" };

export const typescript: LanguageRules = { ...typescriptRules, grammar: "typescript" };

export const tsx: LanguageRules = { ...typescriptRules, grammar: "tsx" };

export const javascript: LanguageRules = {
  grammar: "javascript",
  declarations: JAVASCRIPT_DECLARATIONS,
  names: JAVASCRIPT_NAMES,
  comment: "//",
};

/** Selectors only: they are what other files name. */
export const css: LanguageRules = {
  grammar: "css",
  declarations: {
    rule_set: { show: "signature", body: ["block"] },
    media_statement: { show: "members", body: ["block"] },
    supports_statement: { show: "members", body: ["block"] },
    keyframes_statement: { show: "signature", body: ["keyframe_block_list"] },
    at_rule: { show: "members", body: ["block"] },
  },
  names: `
    (class_selector (class_name) @def)
    (id_selector (id_name) @def)
    (keyframes_name) @def
    (import_statement (string_value) @import)
    (import_statement (call_expression (arguments (string_value) @import)))
    (comment) @comment
  `,
  comment: "//",
};
