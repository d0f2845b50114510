namespace KdPlugins.Core

open System
open System.IO
open System.Text
open KdPlugins.Torch

/// Recipes from text, checked to the end: one exception says everything that is wrong.
[<AbstractClass; Sealed>]
type RecipeReader private () =

    static let unreadable (path: string) (why: string) (inner: exn) : exn =
        KdException(RecipeErrors.Unreadable, $"The recipe '{path}' cannot be read: {why.TrimEnd '.'}.", null, inner)

    /// The bytes of a file, and no more than a recipe may have.
    static let bytesOf (path: string) : byte[] =
        try
            use file = PlainFile.Open path
            let buffer = Array.zeroCreate<byte>(JsonTreeReader.largest + 1)
            let count = file.ReadAtLeast(buffer.AsSpan(), buffer.Length, false)
            buffer[.. count - 1]
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException as e -> raise (unreadable path "there is no such file" e)
        | :? UnauthorizedAccessException as e when Directory.Exists path ->
            raise (unreadable path "it is a folder; name the recipe's file" e)
        | :? IOException
        | :? UnauthorizedAccessException
        | :? ArgumentException
        | :? NotSupportedException as e -> raise (unreadable path e.Message e)

    static let read
        (bytes: byte[])
        source
        (folder: string)
        (overrides: RecipeOverrides)
        (catalog: IPluginCatalog)
        : Recipe =
        let syntax = FailureSink null
        let text = JsonTreeReader.read bytes null syntax

        if isNull text then
            syntax.Throw source

        let tree = RecipeOverriding.applyAll overrides syntax text
        RecipeReader.ReadTree(tree, syntax, source, folder, catalog)

    /// The recipe of a tree whose overrides are applied. before: what went wrong so far.
    static member internal ReadTree
        (tree: JsonTree, before: FailureSink, source: string, folder: string, catalog: IPluginCatalog)
        : Recipe =
        let failures = FailureSink tree
        failures.Take before

        match OptionReader(failures, true).Object([], typeof<RecipeDraft>, null, tree) with
        | ValueNone ->
            failures.Throw source
            Unchecked.defaultof<_>
        | ValueSome draft ->
            if not (RecipeChecks.isBounded failures (draft :?> RecipeDraft)) then
                failures.Throw source

            let recipe =
                RecipeBinding.bind catalog failures (draft :?> RecipeDraft) (Path.GetFullPath folder)

            failures.Throw source
            recipe

    /// The tree of a recipe's file; relative paths in it are not touched. Raises KDP0211 and RecipeException.
    static member internal TreeOf(path: string) : JsonTree =
        let syntax = FailureSink null
        let tree = JsonTreeReader.read (bytesOf path) null syntax
        syntax.Throw path
        tree

    /// The recipe of a file; relative paths in it are relative to the file's folder. Raises KDP0211 where the file
    /// cannot be read, and RecipeException (KDP0201 to KDP0215, KDP0301) for what is wrong in it.
    static member ReadFile(path: string, overrides: RecipeOverrides, catalog: IPluginCatalog) : Recipe =
        // The file first: a path that cannot be one is refused as such.
        let bytes = bytesOf path
        read bytes path (Path.GetDirectoryName(Path.GetFullPath path)) overrides catalog

    /// The recipe of a file that lies elsewhere than where it was written: relative paths are relative to the folder.
    static member ReadFile(path: string, folder: string, overrides: RecipeOverrides, catalog: IPluginCatalog) : Recipe =
        read (bytesOf path) path folder overrides catalog

    /// The recipe of a text; relative paths in it are relative to the folder.
    static member ReadText(text: string, folder: string, overrides: RecipeOverrides, catalog: IPluginCatalog) : Recipe =
        read (Encoding.UTF8.GetBytes text) "The recipe" folder overrides catalog
