namespace KdPlugins.Core

open System
open System.Text
open System.Text.Json

/// JSON to options and back, strictly. Works by plain reflection and keeps nothing: a plugin's options type belongs to
/// a load context that has to be able to go.
///
/// A type of options is a class, record or struct with a public constructor without parameters; its public settable (or
/// init) properties are the keys, in camelCase, and a new instance holds the defaults. Properties are bool, string,
/// whole and floating numbers, enumerations (in kebab-case), Nullable of these, arrays, IReadOnlyList and List of them,
/// dictionaries from string, and nested types of options; nested ones may also be positional records. ValidationAttributes
/// on properties and IValidatableObject are checked.
[<AbstractClass; Sealed>]
type OptionsBinder private () =

    static member internal BindTree
        (optionsType: Type, tree: JsonTree, path: JsonPath, failures: FailureSink)
        : obj voption =
        OptionReader(failures, false).Object(path, optionsType, null, tree)

    /// Options from a JSON object. where: names the text in messages. Raises RecipeException with everything that is
    /// wrong: KDP0202 to KDP0206 for the text, KDP0213 for a type that cannot be bound, KDP0215 for options whose own
    /// constructor or setter refuses a value.
    static member Bind(optionsType: Type, json: string, where: string) : obj =
        let syntax = FailureSink null
        let tree = JsonTreeReader.read (Encoding.UTF8.GetBytes json) null syntax

        if isNull tree then
            syntax.Throw where

        let failures = FailureSink tree
        failures.Take syntax
        let options = OptionsBinder.BindTree(optionsType, tree, [], failures)
        failures.Throw where
        options.Value

    /// The same for an element of a document.
    static member Bind(optionsType: Type, element: JsonElement, where: string) : obj =
        OptionsBinder.Bind(optionsType, element.GetRawText(), where)

    /// Options as one line of JSON, every value written out. Raises KDP0213 for what cannot be written.
    static member ToJson(options: obj) : string =
        OptionWriter.text false (fun json -> OptionWriter.write json (options.GetType()) options)
