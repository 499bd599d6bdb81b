# A test double of Writebook: its tables, and its models as far as an import needs them, written anew from how the application behaves.
require "rails"
require "active_record/railtie"
require "active_job/railtie"
require "active_storage/engine"
require "active_record/connection_adapters/sqlite3_adapter"
require "action_view"
require "action_view/helpers"
require "redcarpet"

class Double < Rails::Application
  config.root = File.expand_path(__dir__)
  config.load_defaults 6.1
  config.eager_load = false
  config.secret_key_base = "a double has no secrets"
  config.paths["log"] = "/dev/null"
  # as in production: log lines and the output of a program share standard output
  config.logger = ActiveSupport::Logger.new($stdout)
  config.log_formatter = Logger::Formatter.new
  config.log_level = :info
  config.active_storage.service = :local
  config.active_storage.service_configurations = { local: { service: "Disk", root: File.join(config.root, "storage/files") } }
  config.active_storage.analyzers = []
  config.active_storage.previewers = []
  config.active_job.queue_adapter = :inline
  config.paths["config/database"] = []

  def config.database_configuration
    file = root.join("storage/db/production.sqlite3").to_s
    { "production" => { "adapter" => "sqlite3", "database" => file, "pool" => 5, "timeout" => 100 } }
  end
end

ENV["RAILS_ENV"] = "production"
Rails.env = "production"
FileUtils.mkdir_p(File.join(Double.config.root, "storage/db"))
Double.initialize!

ActiveSupport::Inflector.inflections { |known| known.irregular("leaf", "leaves") }

# the application's transactions take the write lock when they begin
ActiveRecord::ConnectionAdapters::SQLite3Adapter.prepend(Module.new do
  def begin_db_transaction = execute("begin immediate transaction")
end)

database = ActiveRecord::Base.connection
unless database.table_exists?("books")
  database.execute("PRAGMA journal_mode = WAL")
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Schema.define do
    create_table(:accounts) { |t| t.string :name, null: false; t.timestamps }
    create_table(:users) { |t| t.string :name, null: false; t.string :email_address, null: false; t.string :password_digest; t.integer :role, null: false; t.boolean :active, default: true; t.timestamps }
    create_table(:books) do |t|
      t.string :title, null: false
      t.string :subtitle
      t.string :author
      t.boolean :published, default: false, null: false
      t.string :slug, null: false
      t.boolean :everyone_access, default: true, null: false
      t.string :theme, default: "blue", null: false
      t.timestamps
    end
    create_table(:accesses) { |t| t.integer :user_id, null: false; t.integer :book_id, null: false; t.string :level, null: false; t.timestamps default: -> { "CURRENT_TIMESTAMP" } }
    add_index :accesses, [:user_id, :book_id], unique: true
    create_table(:leaves) { |t| t.integer :book_id, null: false; t.string :leafable_type, null: false; t.integer :leafable_id, null: false; t.float :position_score, null: false; t.string :status, null: false; t.string :title, null: false; t.timestamps }
    create_table(:pages, &:timestamps)
    create_table(:sections) { |t| t.string :theme; t.text :body; t.timestamps }
    create_table(:pictures) { |t| t.string :caption; t.timestamps }
    create_table(:edits) { |t| t.integer :leaf_id, null: false; t.string :leafable_type, null: false; t.integer :leafable_id, null: false; t.string :action, null: false; t.timestamps }
    create_table(:action_text_markdowns) { |t| t.string :record_type, null: false; t.integer :record_id, null: false; t.string :name, null: false; t.text :content, default: "", null: false; t.timestamps }
    create_table(:active_storage_blobs) { |t| t.string :key, null: false, index: { unique: true }; t.string :filename, null: false; t.string :content_type; t.text :metadata; t.string :service_name, null: false; t.bigint :byte_size, null: false; t.string :checksum; t.datetime :created_at, null: false }
    create_table(:active_storage_attachments) { |t| t.string :name, null: false; t.string :record_type, null: false; t.bigint :record_id, null: false; t.bigint :blob_id, null: false; t.datetime :created_at, null: false; t.string :slug }
    add_index :active_storage_attachments, :slug, unique: true
  end
  database.execute("CREATE VIRTUAL TABLE leaf_search_index USING fts5(title, content, tokenize='porter')")
end

class Account < ActiveRecord::Base
end

class User < ActiveRecord::Base
  has_secure_password validations: false
  enum role: { member: 0, administrator: 1 }
  scope :active, -> { where(active: true) }
end

class Access < ActiveRecord::Base
  belongs_to :user
  belongs_to :book
end

class Book < ActiveRecord::Base
  has_many :leaves, class_name: "Leaf"
  has_many :accesses
  before_save(if: -> { slug.blank? }) { self.slug = title.parameterize }

  def press(leafable, values) = leaves.create!(values.merge(leafable: leafable))

  # Everybody else loses access; with everyone_access all active users are readers at least.
  def update_access(editors:, readers:)
    readers = User.active.ids if everyone_access
    levels = (editors | readers).to_h { |id| [id, editors.include?(id) ? "editor" : "reader"] }
    accesses.where.not(user_id: levels.keys).delete_all
    levels.each { |id, level| accesses.find_or_initialize_by(user_id: id).update!(level: level) }
  end
end

module Leafable
  extend ActiveSupport::Concern
  included { has_one :leaf, as: :leafable, inverse_of: :leafable, touch: true }
  def searchable_content = nil
end

class Leaf < ActiveRecord::Base
  belongs_to :book, touch: true
  delegated_type :leafable, types: %w[Page Section Picture]
  has_many :edits
  enum status: { active: "active", trashed: "trashed" }, _default: "active"
  scope :positioned, -> { order(:position_score, :id) }
  around_create do |_leaf, create|
    book.with_lock do
      self.position_score = (book.leaves.active.maximum(:position_score) || 0) + 1
      create.call
    end
  end
  after_update(if: -> { trashed? && saved_change_to_status? }) { edits.create!(leafable: leafable, action: "trash") }
  after_commit(on: %i[create update]) { index_text }

  def slug = title.parameterize.presence || "-"

  # A revision keeps the old text, unless the last one is less than ten minutes old. A page's text is no column: it always counts.
  def edit(leafable_params: {}, leaf_params: {})
    transaction do
      changes = leafable_params.any? { |key, value| leafable.attributes[key.to_s] != value }
      if changes && (edits.empty? || edits.last.created_at < 10.minutes.ago)
        new_one = leafable.dup
        new_one.image.attach(leafable.image.blob) if leafable.is_a?(Picture)
        new_one.update!(leafable_params)
        edits.create!(leafable: leafable, action: "revision")
        update!(leaf_params.merge(leafable: new_one))
      else
        leafable.update!(leafable_params)
        edits.last&.touch
        update!(leaf_params)
      end
    end
  end

  def move_to_position(offset)
    book.with_lock do
      others = book.leaves.active.positioned.where.not(id: id).pluck(:position_score)
      before, after = offset < 1 ? [nil, others.first] : [others[offset - 1], others[offset]]
      before ||= (after || 2) - 1 if offset < 1
      before ||= others.last || 0
      after ||= before + 2
      update!(position_score: (before + after) / 2.0)
    end
  end

  def reindex = index_text

  private

  def index_text
    text = leafable.searchable_content
    return unless text
    connection = self.class.connection
    connection.execute(self.class.sanitize_sql(["delete from leaf_search_index where rowid = ?", id]))
    connection.execute(self.class.sanitize_sql(["insert into leaf_search_index(rowid, title, content) values (?, ?, ?)", id, title, text]))
  end
end

class Edit < ActiveRecord::Base
  belongs_to :leaf
  belongs_to :leafable, polymorphic: true
end

# What the application makes of Markdown: Redcarpet with its options, a link behind each heading, images that open.
class Renderer < Redcarpet::Render::HTML
  OPTIONS = { autolink: true, highlight: true, no_intra_emphasis: true, fenced_code_blocks: true, lax_spacing: true, strikethrough: true, tables: true }

  def header(text, level)
    "<h#{level} id='#{text.parameterize}'>#{text} <a href='##{text.parameterize}' class='heading__link' aria-hidden='true'>#</a></h#{level}>"
  end

  def image(link, title, alt) = %(<a title="#{title}" href="#{link}"><img src="#{link}" alt="#{alt}"></a>)
end

# Has the helpers of the application's views: the one that sanitizes a page.
class ApplicationController
  class Helpers
    include ActionView::Helpers::SanitizeHelper
    extend ActionView::Helpers::SanitizeHelper::ClassMethods
    MORE = %w[audio details summary iframe options table tbody td th thead tr video source mark]
    RULES = Rails::Html::PermitScrubber.new.tap { |rules| rules.tags = Rails::Html::WhiteListSanitizer.allowed_tags.to_a + MORE }

    def sanitize_content(html) = sanitize(html, scrubber: RULES)
  end

  def self.helpers = @helpers ||= Helpers.new
end

# Stands in for Action Text: the one class of Writebook's that keeps a page's text.
module ActionText
  class Markdown < ActiveRecord::Base
    self.table_name = "action_text_markdowns"
    belongs_to :record, polymorphic: true, touch: true
    has_many_attached :uploads

    def to_html = Redcarpet::Markdown.new(Renderer.new(filter_html: false), Renderer::OPTIONS).render(content).html_safe
  end
end

class Page < ActiveRecord::Base
  include Leafable
  has_one :markdown_body, -> { where(name: "body") }, class_name: "ActionText::Markdown", as: :record, inverse_of: :record, autosave: true
  def body = markdown_body || build_markdown_body
  def body=(text)
    body.content = text
  end
  def searchable_content = body.content.to_s
end

class Section < ActiveRecord::Base
  include Leafable
  def searchable_content = body
end

class Picture < ActiveRecord::Base
  include Leafable
  has_one_attached :image
end

# The book that the form of the first run makes.
class DemoContent
  def self.create_manual(user)
    book = Book.create!(title: "The Writebook Manual", author: "37signals")
    book.update_access(editors: [user.id], readers: [])
    book.press(Page.new(body: "Welcome"), title: "Welcome")
    book.leaves
  end
end

# The address under /u/: from the file's name, with six letters by chance.
ActiveStorage::Attachment.before_create do
  base = File.basename(blob.filename.to_s, ".*").parameterize
  self.slug = "#{base}-#{SecureRandom.alphanumeric(6)}#{File.extname(blob.filename.to_s).downcase}"
end

Rails.logger.info("a double of Writebook has started")
