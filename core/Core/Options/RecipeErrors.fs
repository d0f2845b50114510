namespace KdPlugins.Core

open System.Collections.Generic
open KdPlugins.Torch

/// The failures of recipes and options.
[<AbstractClass; Sealed>]
type RecipeErrors private () =

    static let entries = List<ErrorCode>()

    static let entry id title remedy =
        let code = ErrorCode(id, title, remedy)
        entries.Add code
        code

    /// No plugin of that kind and id.
    static member val PluginUnknown =
        entry "KDP0201" "there is no such plugin" "Correct the id, or put the plugin into the plugin folder."

    /// The text is not JSON.
    static member val NotJson = entry "KDP0202" "a recipe is not JSON" "Correct the text at the place named above."

    /// A key that nothing reads.
    static member val UnknownKey = entry "KDP0203" "a key is unknown" "Remove the key or correct its name."

    /// A key given twice in one object.
    static member val DuplicateKey = entry "KDP0204" "a key is there twice" "Remove one of the two."

    /// Text where a number is needed, and the like.
    static member val WrongType =
        entry "KDP0205" "a value is of the wrong kind" "Write a value of the kind named above."

    /// Of the right kind, but out of bounds or not among the allowed values.
    static member val OutOfBounds = entry "KDP0206" "a value is not allowed" "Choose an allowed value."

    /// A required value is not there.
    static member val Missing = entry "KDP0207" "a value is missing" "Add the key named above."

    /// A section names a role that "models" does not fill.
    static member val RoleUnknown =
        entry "KDP0208" "a role has no model" "Add the role under \"models\", or correct its name."

    /// Two things of one name.
    static member val NotUnique = entry "KDP0209" "a name is used twice" "Give each its own name."

    /// Statements that exclude each other.
    static member val Contradiction = entry "KDP0210" "two statements contradict" "Keep one of them."

    /// The file cannot be read.
    static member val Unreadable =
        entry "KDP0211" "a recipe cannot be read" "Check the path and the permission to read it."

    /// An override from the command line or the environment leads nowhere.
    static member val BadOverride =
        entry "KDP0212" "an override cannot be applied" "Write it as path=value, such as losses[1].weight=0.5."

    /// The options type of a plugin is not one that can be bound.
    static member val OptionsType =
        entry "KDP0213" "a plugin's options cannot be bound" "The plugin's author has to change its options type."

    /// Too long or too deep.
    static member val TooLarge = entry "KDP0214" "a recipe is too large" "Split it, or remove what it does not need."

    /// A plugin's own check of its options failed.
    static member val Refused = entry "KDP0215" "a plugin refuses its options" "Change the options as the plugin asks."

    /// Every entry of recipes and options.
    static member All: IReadOnlyList<ErrorCode> = entries
