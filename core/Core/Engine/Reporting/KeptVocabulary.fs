namespace KdPlugins.Core

open System.IO
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes

/// The tokens of a run on texts, vocabulary.json in the run's folder: a JSON list of their texts by id. What was made of the data is so
/// still known where the data are not.
module internal KeptVocabulary =

    let fileName = "vocabulary.json"

    let private options =
        JsonSerializerOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    /// Writes the file, unless it is there or the data are no texts.
    let write (composition: Composition) (folder: RunFolder) =
        let info = composition.Data.Info

        if
            info.Kind = InputKind.Tokens
            && not (File.Exists(Path.Combine(folder.Path, fileName)))
        then
            let tokens =
                JsonArray [| for text in info.Vocabulary -> JsonValue.Create text :> JsonNode |]

            folder.WriteFile(fileName, Encoding.UTF8.GetBytes(tokens.ToJsonString options))
