namespace KdPlugins.Core

open System
open System.Collections.Generic
open System.ComponentModel
open System.ComponentModel.DataAnnotations
open System.IO
open System.Reflection
open System.Text.RegularExpressions
open System.Xml
open System.Xml.Linq
open KdPlugins.Torch

/// What properties mean, in their authors' words: the documentation file beside the assembly, or else the attributes
/// Description and Display.
[<Sealed>]
type internal SchemaTexts() =

    /// By the assembly's path; texts only, for what holds a plugin's types cannot let it go.
    let files = Dictionary<string, IReadOnlyDictionary<string, string>>()

    static let empty = Dictionary<string, string>() :> IReadOnlyDictionary<_, _>

    static let flatten (text: string) = Regex.Replace(text, @"\s+", " ").Trim()

    /// References such as cref="P:Ns.Type.Name" read as Name.
    static let plain (summary: XElement) =
        let words (node: XNode) =
            match node with
            | :? XText as text -> text.Value
            | :? XElement as element when element.Value = "" ->
                let target =
                    element.Attributes()
                    |> Seq.tryHead
                    |> Option.map _.Value
                    |> Option.defaultValue ""

                target.Substring(target.LastIndexOf '.' + 1)
            | :? XElement as element -> element.Value
            | _ -> ""

        summary.Nodes() |> Seq.map words |> String.concat "" |> flatten

    static let mostBytes = 50_000_000
    static let deepest = 64

    static let read (path: string) : IReadOnlyDictionary<string, string> =
        try
            let settings =
                XmlReaderSettings(DtdProcessing = DtdProcessing.Prohibit, MaxCharactersInDocument = int64 mostBytes)

            let bytes = PlainFile.ReadBytes(path, mostBytes)

            // What reads a tree goes down into it; one that is too deep would end the process.
            use scan = XmlReader.Create(new MemoryStream(bytes), settings)

            while scan.Read() do
                if scan.Depth > deepest then
                    raise (XmlException "nested too deep")

            use reader = XmlReader.Create(new MemoryStream(bytes), settings)
            let texts = Dictionary<string, string>()

            for m in XDocument.Load(reader).Descendants "member" do
                match m.Attribute "name", m.Element "summary", m.Element "value" with
                | null, _, _
                | _, null, _ -> ()
                | name, summary, null -> texts[name.Value] <- plain summary
                | name, summary, value -> texts[name.Value] <- $"{plain summary} {plain value}"

            texts
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? XmlException -> empty

    let fileOf (assembly: Assembly) (folder: string) =
        let path =
            if assembly.Location <> "" then
                Path.ChangeExtension(assembly.Location, ".xml")
            elif folder <> "" then
                Path.Combine(folder, assembly.GetName().Name + ".xml")
            else
                ""

        if path = "" then
            empty
        else
            match files.TryGetValue path with
            | true, known -> known
            | _ ->
                let texts = if File.Exists path then read path else empty
                files[path] <- texts
                texts

    /// Where the documentation of assemblies lies that were loaded from memory, as plugins are.
    member val Folder = "" with get, set

    /// One sentence or two; empty where nobody wrote any.
    member this.Of(p: PropertyInfo) : string =
        let owner = p.DeclaringType

        let name =
            if owner.IsGenericType then
                owner.GetGenericTypeDefinition().FullName
            else
                owner.FullName

        match (fileOf owner.Assembly this.Folder).TryGetValue("P:" + name.Replace('+', '.') + "." + p.Name) with
        | true, text -> text
        | _ ->
            match p.GetCustomAttribute<DescriptionAttribute>(), p.GetCustomAttribute<DisplayAttribute>() with
            | null, null -> ""
            | null, display -> string display.Description
            | description, _ -> description.Description
