namespace KdPlugins.Core

open System
open System.Diagnostics
open System.Runtime.CompilerServices
open System.Runtime.ExceptionServices
open KdPlugins.Torch

/// What plugins and what they made are called in messages. Weak: no plugin is kept by its name.
module internal PluginNames =
    let private names = ConditionalWeakTable<obj, string>()

    /// Names an object, such as "loss 'kd'"; the first name stays.
    let give (thing: obj) (name: string) =
        if not (isNull thing) then
            names.TryAdd(thing, name) |> ignore

    /// Names it anew.
    let rename (thing: obj) (name: string) = names.AddOrUpdate(thing, name)

    /// What it was named, else its type.
    let find (thing: obj) =
        match thing with
        | null -> "nothing"
        | _ ->
            match names.TryGetValue thing with
            | true, name -> name
            | _ -> $"'{thing.GetType().Name}'"

    /// A plugin of a kind and id.
    let ofKind (kind: PluginKind) (id: string) =
        let word =
            match kind with
            | PluginKind.Dataset -> "data set"
            | other -> other.ToString().ToLowerInvariant()

        $"{word} '{id}'"

/// Calls into plugins: whatever comes out of them says whose code it was, and where in the run.
module internal PluginCall =
    let private key = "KdPlugins.Place"

    /// As the beginning of a sentence.
    let upper (text: string) =
        if text = "" then
            text
        else
            string (Char.ToUpperInvariant text[0]) + text.Substring 1

    // Messages of libtorch carry its C++ stack behind the first line.
    let private firstLine (message: string) = message.Split('\n', 2).[0].TrimEnd('.', '\r', ' ')

    let private isOurs (assembly: string) =
        assembly = "KdPlugins.Core"
        || assembly = "KdPlugins.Torch"
        || assembly = "KdPlugins.Sdk"

    let private isAuthors (frame: StackFrame) =
        match frame.GetMethod() with
        | null -> false
        | m when isNull m.DeclaringType -> false
        | m ->
            let assembly = m.DeclaringType.Assembly.GetName().Name

            not (
                isOurs assembly
                || assembly = "TorchSharp"
                || assembly = "FSharp.Core"
                || assembly.StartsWith("System", StringComparison.Ordinal)
                || assembly.StartsWith("Microsoft.", StringComparison.Ordinal)
            )

    // Closures and iterators are called by the method that holds them: <Plan>b__0 of <>c__DisplayClass3_0.
    let private nameOf (frame: StackFrame) =
        let m = frame.GetMethod()
        let mutable t = m.DeclaringType

        while t.Name.StartsWith('<') && not (isNull t.DeclaringType) do
            t <- t.DeclaringType

        let name =
            match m.Name.IndexOf '>' with
            | end' when m.Name.StartsWith '<' && end' > 1 -> m.Name.Substring(1, end' - 1)
            | _ -> m.Name

        match frame.GetFileName() with
        | null -> $"{t.Name}.{name}"
        | file -> $"{t.Name}.{name}, {IO.Path.GetFileName file} line {frame.GetFileLineNumber()}"

    // The innermost place in code that is neither ours nor a library's.
    let private placeIn (error: exn) =
        match StackTrace(error, true).GetFrames() |> Array.tryFind isAuthors with
        | Some frame -> $" (in {nameOf frame})"
        | None -> ""

    let private isMemory (error: exn) =
        match error with
        | :? OutOfMemoryException -> true
        | :? Runtime.InteropServices.ExternalException ->
            error.Message.Contains("can't allocate memory", StringComparison.Ordinal)
            || error.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
        | _ -> false

    let private remedy (error: exn) =
        match error with
        | :? MissingMemberException
        | :? TypeLoadException -> "Build the plugin again, against the packages of this version."
        | :? InvalidOperationException
        | :? ObjectDisposedException when
            error :? ObjectDisposedException
            || error.Message.Contains("empty handle", StringComparison.Ordinal)
            ->
            "A tensor was used that has been freed: what a step makes is freed when it ends. Keep what is to live longer in context.State."
        | _ -> null

    let rec private unwrapped (error: exn) =
        match error with
        | :? AggregateException as several when several.InnerExceptions.Count = 1 -> unwrapped several.InnerException
        | :? Reflection.TargetInvocationException when not (isNull error.InnerException) ->
            unwrapped error.InnerException
        | _ -> error

    let private mark (error: exn) =
        error.Data[key] <- true
        error

    let private sentence (text: string) =
        let text = text.TrimEnd()
        if text.EndsWith '.' then text else text + "."

    // A failure with a code keeps it; who was at work is added, unless an inner call has done that.
    let private placed (who: string) (place: string) (failure: KdException) : exn =
        if failure.Data.Contains key || failure.GetType() <> typeof<KdException> then
            failure
        else
            let detail = failure.Detail.TrimEnd()

            let remedy =
                failure.Message
                    .Substring(min failure.Message.Length (failure.Code.Id.Length + 1 + detail.Length))
                    .Trim()

            let where =
                if
                    place = ""
                    || detail.Contains(place.Replace("at stage", "stage"), StringComparison.Ordinal)
                then
                    ""
                else
                    $" {place}"

            let told =
                KdException(failure.Code, $"{sentence detail} This was {who}{where}.", remedy, failure)

            for entry in failure.Data |> Seq.cast<Collections.DictionaryEntry> do
                told.Data[entry.Key] <- entry.Value

            mark told

    /// The failure with who was at work, in words ("loss 'kd'"), and when ("at stage train, step 3 of 6", "while it was bound").
    let told (who: string) (place: string) (error: exn) : exn =
        let at = if place = "" then "" else $" {place}"

        match unwrapped error with
        | :? KdException as failure -> placed who place failure
        | cause when isMemory cause ->
            mark (
                KdException(
                    PluginErrors.Memory,
                    $"Memory ran out in {who}{at}: {firstLine cause.Message}.",
                    null,
                    error
                )
            )
        | cause ->
            let what =
                $"{upper who} failed{at}: {cause.GetType().Name}: {firstLine cause.Message}{placeIn cause}."

            mark (KdException(PluginErrors.Failed, what, remedy cause, error))

    /// Raises an exception that has been raised before, with its trace.
    let rethrow (error: exn) : 'T =
        ExceptionDispatchInfo.Capture(error).Throw()
        Unchecked.defaultof<'T>

    /// Calls a plugin. A cancellation passes as it is: the step's caller knows whether it was asked for.
    let at (thing: obj) (place: unit -> string) (action: unit -> 'T) : 'T =
        try
            action ()
        with
        | :? OperationCanceledException -> reraise ()
        | error ->
            match told (PluginNames.find thing) (place ()) error with
            | same when obj.ReferenceEquals(same, error) -> reraise ()
            | other -> raise other

    /// Refuses null. what: what it is, such as "Compute".
    let something (thing: obj) (place: unit -> string) (what: string) (value: 'T) : 'T =
        if isNull (box value) then
            let at =
                match place () with
                | "" -> ""
                | place -> $" {place}"

            Fail.error PluginErrors.Nothing $"{what} of {PluginNames.find thing} gave null{at}."

        value

    /// When in a run.
    let during (progress: Progress) () = $"at {progress}"

    /// Calls a plugin that has to give something. place: when, such as "while it was bound".
    let composing (thing: obj) (place: string) (what: string) (action: unit -> 'T) : 'T =
        at thing (fun () -> place) (fun () -> something thing (fun () -> place) what (action ()))
