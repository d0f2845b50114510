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

    static let pluginUnknown =
        entry "KDP0201" "there is no such plugin" "Correct the id, or put the plugin into the plugin folder."

    static let notJson =
        entry "KDP0202" "a recipe is not JSON" "Correct the text at the place named above."

    static let unknownKey =
        entry "KDP0203" "a key is unknown" "Remove the key or correct its name."

    static let duplicateKey = entry "KDP0204" "a key is there twice" "Remove one of the two."

    static let wrongType =
        entry "KDP0205" "a value is of the wrong kind" "Write a value of the kind named above."

    static let outOfBounds =
        entry "KDP0206" "a value is not allowed" "Choose an allowed value."

    static let missing = entry "KDP0207" "a value is missing" "Add the key named above."

    static let roleUnknown =
        entry "KDP0208" "a role has no model" "Add the role under \"models\", or correct its name."

    static let notUnique = entry "KDP0209" "a name is used twice" "Give each its own name."

    static let contradiction = entry "KDP0210" "two statements contradict" "Keep one of them."

    static let unreadable =
        entry "KDP0211" "a recipe cannot be read" "Check the path and the permission to read it."

    static let badOverride =
        entry "KDP0212" "an override cannot be applied" "Write it as path=value, such as losses[1].weight=0.5."

    static let optionsType =
        entry "KDP0213" "a plugin's options cannot be bound" "The plugin's author has to change its options type."

    static let tooLarge =
        entry "KDP0214" "a recipe is too large" "Split it, or remove what it does not need."

    static let refused =
        entry "KDP0215" "a plugin refuses its options" "Change the options as the plugin asks."

    /// No plugin of that kind and id.
    static member PluginUnknown = pluginUnknown

    /// The text is not JSON.
    static member NotJson = notJson

    /// A key that nothing reads.
    static member UnknownKey = unknownKey

    /// A key given twice in one object.
    static member DuplicateKey = duplicateKey

    /// Text where a number is needed, and the like.
    static member WrongType = wrongType

    /// Of the right kind, but out of bounds or not among the allowed values.
    static member OutOfBounds = outOfBounds

    /// A required value is not there.
    static member Missing = missing

    /// A section names a role that "models" does not fill.
    static member RoleUnknown = roleUnknown

    /// Two things of one name.
    static member NotUnique = notUnique

    /// Statements that exclude each other.
    static member Contradiction = contradiction

    /// The file cannot be read.
    static member Unreadable = unreadable

    /// An override from the command line or the environment leads nowhere.
    static member BadOverride = badOverride

    /// The options type of a plugin is not one that can be bound.
    static member OptionsType = optionsType

    /// Too long or too deep.
    static member TooLarge = tooLarge

    /// A plugin's own check of its options failed.
    static member Refused = refused

    /// Every entry of recipes and options.
    static member All: IReadOnlyList<ErrorCode> = entries
